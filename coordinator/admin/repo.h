/* `admin repo …`: repositories. Each returns an exit code. */
#ifndef COORDINATOR_ADMIN_REPO_H
#define COORDINATOR_ADMIN_REPO_H

int admin_repo_add(int argc, char **argv);  /* OWNER/NAME [--public] [--default-branch B] */
int admin_repo_show(int argc, char **argv); /* OWNER/NAME */
int admin_repo_list(int argc, char **argv);

#endif
