/* `admin runner jobs` and `admin runner recover-stale-jobs`: what runs where, and ending what its
 * runner has no longer. Exit codes. */
#ifndef COORDINATOR_ADMIN_RUNNER_JOBS_H
#define COORDINATOR_ADMIN_RUNNER_JOBS_H

int admin_runner_jobs(int argc, char **argv);
int admin_runner_recover_jobs(int argc, char **argv);

#endif
