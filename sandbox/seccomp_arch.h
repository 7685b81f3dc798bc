/* The two architectures that profiles exist for, by the names that kernel and engines call them. */
#ifndef SANDBOX_SECCOMP_ARCH_H
#define SANDBOX_SECCOMP_ARCH_H

#include <seccomp.h>

#include "base/util.h"

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
