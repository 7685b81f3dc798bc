/* `shithubd-runner disk guard`: the disk guard by hand, from a timer or for a whole host. */
#ifndef RUNNER_VERBS_DISK_H
#define RUNNER_VERBS_DISK_H

extern const char verb_disk_guard_help[];
int verb_disk_guard(int argc, char **argv);

#endif
