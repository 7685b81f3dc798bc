/* `shithubd-runner seccomp print`. */
#ifndef RUNNER_VERB_SECCOMP_H
#define RUNNER_VERB_SECCOMP_H

int verb_seccomp_print(int argc, char **argv);

#endif
