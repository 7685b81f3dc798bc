/* `shithubd-runner workdir triage`: whose failure is a failed job (hygiene/triage.h)? */
#ifndef RUNNER_VERB_TRIAGE_H
#define RUNNER_VERB_TRIAGE_H

int verb_workdir_triage(int argc, char **argv);

#endif
