/* `admin run approve`: lets the runs of a commit of an untrusted pull request start. */
#ifndef COORDINATOR_ADMIN_RUN_APPROVE_H
#define COORDINATOR_ADMIN_RUN_APPROVE_H

int admin_run_approve(int argc, char **argv); /* an exit code */

#endif
