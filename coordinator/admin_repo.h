/* `admin repo …`: verbs of shithubd (coordinator/admin.h). Each returns an exit code. */
#ifndef COORDINATOR_ADMIN_REPO_H
#define COORDINATOR_ADMIN_REPO_H

int admin_repo_add(int argc, char **argv); /* OWNER/NAME [--private] [--default-branch B] */
int admin_repo_list(int argc, char **argv);

#endif
