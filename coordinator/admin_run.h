/* `admin run …`: verbs of shithubd (coordinator/admin.h). Each returns an exit code. */
#ifndef COORDINATOR_ADMIN_RUN_H
#define COORDINATOR_ADMIN_RUN_H

int admin_run_dispatch(
	int argc, char **argv); /* --repo O/N --workflow FILE [--ref R] [--input k=v]… */
int admin_run_list(int argc, char **argv); /* [--repo O/N] [--limit N] */
int admin_run_show(int argc, char **argv); /* --id N */
int admin_run_log(int argc, char **argv);  /* --job ID [--step INDEX] */
/* --id N: retention leaves the run alone, or no longer */
int admin_run_pin(int argc, char **argv);
int admin_run_unpin(int argc, char **argv);

#endif
