/* What is wrong with a profile: findings in the order they were made, capped. Owned, released. */
#ifndef SANDBOX_SECCOMP_REPORT_H
#define SANDBOX_SECCOMP_REPORT_H

#include "base/util.h"

/* "syscalls[3].args[0]", "SCMP_CMP_NE is met by setting a high bit", "SCMP_CMP_EQ or …" */
struct seccomp_finding {
	char *where, *what, *expected;
	bool tolerated; /* Docker's own default has it too: it warns, and stops nothing */
};
enum { SECCOMP_FINDINGS_MAX = 200 };

struct seccomp_report {
	struct seccomp_finding *findings;
	size_t n;
	size_t tolerated;   /* so many of n */
	bool cut;           /* more than SECCOMP_FINDINGS_MAX */
	struct strv beyond; /* names of what the tolerated ones let through, each once */
	struct strv notes;  /* harmless, but perhaps not meant: names to allow that nobody knows */
	uint32_t arch;      /* SCMP_ARCH_…; 0: none that could be judged */
	size_t probes; /* calls that the compiled filter was asked about; 0: it was not compiled */
};

void seccomp_report_release(struct seccomp_report *r);
void seccomp_report_add(struct seccomp_report *r, const char *where, const char *expected,
	const char *what, ...) PRINTF_LIKE(4, 5);
/* Makes the finding that was added last a tolerated one. */
void seccomp_report_tolerate(struct seccomp_report *r, const char *beyond);
/* The profile confines, if for less than the built-in one. */
bool seccomp_report_usable(const struct seccomp_report *r);

#endif
