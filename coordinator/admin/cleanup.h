/* `shithubd run-job workflow:cleanup`: retention by hand or from a timer, beside serve. */
#ifndef COORDINATOR_ADMIN_CLEANUP_H
#define COORDINATOR_ADMIN_CLEANUP_H

int verb_run_job(int argc, char **argv); /* an exit code */

#endif
