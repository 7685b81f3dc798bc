/* `admin owner …`: organisations and their members. */
#ifndef COORDINATOR_ADMIN_RIGHTS_OWNER_H
#define COORDINATOR_ADMIN_RIGHTS_OWNER_H

int admin_owner_add(int argc, char **argv);     /* NAME */
int admin_owner_list(int argc, char **argv);    /* users too */
int admin_member_set(int argc, char **argv);    /* NAME LOGIN --role R */
int admin_member_remove(int argc, char **argv); /* NAME LOGIN */
int admin_member_list(int argc, char **argv);   /* NAME */

#endif
