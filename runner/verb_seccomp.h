/* `shithubd-runner seccomp print` and `seccomp verify`. */
#ifndef RUNNER_VERB_SECCOMP_H
#define RUNNER_VERB_SECCOMP_H

extern const char verb_seccomp_verify_help[];
int verb_seccomp_print(int argc, char **argv);
int verb_seccomp_verify(int argc, char **argv);

#endif
