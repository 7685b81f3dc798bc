/*
 * The probe role: could a job's setup succeed on this machine now? Asks what a job asks before its
 * first step: gate, seccomp profile, engine, job network, image. Without any privilege. Writes
 * nothing to its descriptor 3 and exits 0 if all is there, else writes one line of why and exits 1.
 */
#ifndef RUNNER_HELPER_PROBE_H
#define RUNNER_HELPER_PROBE_H

int probe_role_main(int argc, char **argv);

#endif
