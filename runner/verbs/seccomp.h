/* `shithubd-runner seccomp print` and `seccomp verify`. */
#ifndef RUNNER_VERBS_SECCOMP_H
#define RUNNER_VERBS_SECCOMP_H

extern const char verb_seccomp_verify_help[];
int verb_seccomp_print(int argc, char **argv);
int verb_seccomp_verify(int argc, char **argv);

#endif
