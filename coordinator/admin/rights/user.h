/* `admin user …`: the people who may hold access tokens. */
#ifndef COORDINATOR_ADMIN_RIGHTS_USER_H
#define COORDINATOR_ADMIN_RIGHTS_USER_H

#include "coordinator/admin/admin.h"
#include "coordinator/rights/owner.h"

/* Users and organisations as a result: one, or the rows of a list. */
void admin_show_owner(struct admin *a, const struct owner_row *r);
extern const struct admin_list admin_owners_list;
void admin_list_owners(struct admin *a, const struct owner_list *l);

int admin_user_add(int argc, char **argv); /* LOGIN [--site-admin] */
int admin_user_list(int argc, char **argv);
int admin_user_show(int argc, char **argv);      /* LOGIN */
int admin_user_disable(int argc, char **argv);   /* LOGIN */
int admin_user_enable(int argc, char **argv);    /* LOGIN */
int admin_user_password(int argc, char **argv);  /* LOGIN [--remove]; from standard input */
int admin_user_set_admin(int argc, char **argv); /* LOGIN on|off */

#endif
