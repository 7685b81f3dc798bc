/* `admin repo grant|revoke|access|set`: who may what with a repository. */
#ifndef COORDINATOR_ADMIN_RIGHTS_REPO_ACCESS_H
#define COORDINATOR_ADMIN_RIGHTS_REPO_ACCESS_H

int admin_repo_grant(int argc, char **argv);  /* OWNER/NAME LOGIN --role R */
int admin_repo_revoke(int argc, char **argv); /* OWNER/NAME LOGIN */
int admin_repo_access(int argc, char **argv); /* OWNER/NAME */
int admin_repo_set(int argc, char **argv);    /* OWNER/NAME --visibility V */

#endif
