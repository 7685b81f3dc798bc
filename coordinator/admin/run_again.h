/* Verbs of `admin run` on a run that waits or is over: explain, rerun. */
#ifndef COORDINATOR_ADMIN_RUN_AGAIN_H
#define COORDINATOR_ADMIN_RUN_AGAIN_H

int admin_run_explain(int argc, char **argv);
int admin_run_rerun(int argc, char **argv);

#endif
