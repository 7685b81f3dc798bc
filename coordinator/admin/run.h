/* `admin run …`: workflow runs. Each returns an exit code. */
#ifndef COORDINATOR_ADMIN_RUN_H
#define COORDINATOR_ADMIN_RUN_H

/* --repo O/N --workflow FILE [--ref R] [--input k=v]… */
int admin_run_dispatch(int argc, char **argv);
int admin_run_show(int argc, char **argv); /* ID, as the next three */
int admin_run_cancel(int argc, char **argv);
int admin_run_pin(int argc, char **argv); /* retention leaves the run alone, or no longer */
int admin_run_unpin(int argc, char **argv);

#endif
