/*
 * Is a text a profile that confines a step? An engine's own checking is no validation: `{}` and a
 * profile that allows by default both start a container without any filter, unknown keys and names
 * pass silently. So the text is read strictly (seccomp_read.c), compiled with libseccomp the way
 * the engine's runtime does for a container without capabilities, and the compiled program is asked
 * about every call of seccomp_probes (seccomp_probes.c). Nothing is loaded anywhere.
 *
 * A profile for the other of the two architectures is verified as well as one for this machine's.
 */
#ifndef SANDBOX_SECCOMP_VERIFY_H
#define SANDBOX_SECCOMP_VERIFY_H

#include "sandbox/seccomp_report.h"

void seccomp_profile_verify(const char *text, size_t n, struct seccomp_report *ret);

#endif
