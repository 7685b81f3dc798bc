/*
 * Is a text a profile that confines a step? An engine's own checking is no validation: `{}` and a
 * profile that allows by default both start a container without any filter, unknown keys and names
 * pass silently. So the text is read strictly (seccomp_read.c), compiled with libseccomp the way
 * the engine's runtime does for a container without capabilities, and the compiled program is asked
 * about every call of seccomp_probes (seccomp_probes.c). Nothing is loaded anywhere.
 *
 * A profile for the other of the two architectures is judged as well as one for this machine's.
 */
#ifndef SANDBOX_SECCOMP_VERIFY_H
#define SANDBOX_SECCOMP_VERIFY_H

#include <seccomp.h>

#include "base/err.h"

/* "syscalls[3].args[0]", "SCMP_CMP_NE is met by setting a high bit", "SCMP_CMP_EQ or …" */
struct seccomp_finding {
	char *where, *what, *expected;
};
enum { SECCOMP_FINDINGS_MAX = 200 };

struct seccomp_report {
	struct seccomp_finding *findings;
	size_t n;
	bool cut;          /* more than SECCOMP_FINDINGS_MAX */
	struct strv notes; /* harmless, but perhaps not meant: names to allow that nobody knows */
	uint32_t arch;     /* SCMP_ARCH_…; 0: none that could be judged */
	size_t probes; /* calls that the compiled filter was asked about; 0: it was not compiled */
};

void seccomp_profile_verify(const char *text, size_t n, struct seccomp_report *ret);
void seccomp_report_release(struct seccomp_report *r);
void seccomp_report_add(struct seccomp_report *r, const char *where, const char *expected,
	const char *what, ...) PRINTF_LIKE(4, 5);

/* The two architectures that profiles exist for. */
struct seccomp_arch {
	const char *name;   /* "SCMP_ARCH_X86_64" */
	const char *engine; /* "amd64": how conditions in a profile call it */
	const char *uname;  /* "x86_64" */
	uint32_t token;     /* SCMP_ARCH_… */
	uint32_t audit;     /* AUDIT_ARCH_… */
	uint32_t foreign;   /* AUDIT_ARCH_… of the 32-bit calls that the same kernel takes */
};
extern const struct seccomp_arch seccomp_arches[2];
const struct seccomp_arch *seccomp_arch_by_name(const char *name); /* any of the names; or NULL */
const struct seccomp_arch *seccomp_arch_by_token(uint32_t token);

#endif
