/*
 * The job role: one claimed job from its claim to its final status, written straight down the page.
 *
 *   claim → job_spec → session, masker → boxes ‖ steps → statuses → everything removed
 *
 *   job [--local] [--claim-cut] [--journal] [--no-workspace TEXT]
 *
 * The claim comes in descriptor ROLE_FD_CLAIM, the supervisor is at ROLE_FD_CHANNEL (ipc/role.h).
 */
#ifndef RUNNER_JOB_JOB_H
#define RUNNER_JOB_JOB_H

int job_role_main(int argc, char **argv);

#endif
