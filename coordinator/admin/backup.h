/* Verbs over a data folder as a whole: backup, restore, migrate. */
#ifndef COORDINATOR_ADMIN_BACKUP_H
#define COORDINATOR_ADMIN_BACKUP_H

int verb_backup(int argc, char **argv); /* exit codes */
int verb_restore(int argc, char **argv);
int verb_migrate(int argc, char **argv);

#endif
