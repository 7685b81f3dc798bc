/*
 * The recover role: goes on for a job whose process died, with its supervisor or alone. Removes its
 * containers, goes on with its session (the call in flight again, then what was queued, then what
 * is left of logs), says in the log of the step that ran what happened, and gives steps and job
 * their last status. Tries as long as the token can live; an engine that is down is waited for
 * equally long. Like the job role it holds no capability; it inherits the job's lease and exits
 * when nothing more can be done, with 0 unless it could not even begin: what could not be reported
 * is in its log, once.
 *
 *   recover --job N [--ended TEXT]    TEXT: how the job process died; without: with its supervisor
 */
#ifndef RUNNER_JOB_RECOVER_H
#define RUNNER_JOB_RECOVER_H

int recover_role_main(int argc, char **argv);

#endif
