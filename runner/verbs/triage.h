/* `shithubd-runner workdir triage`: whose failure is a failed job (hygiene/workdir/triage.h)? */
#ifndef RUNNER_VERBS_TRIAGE_H
#define RUNNER_VERBS_TRIAGE_H

int verb_workdir_triage(int argc, char **argv);

#endif
