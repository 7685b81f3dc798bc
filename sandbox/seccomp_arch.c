/*
 * Each architecture has a second set of call numbers that the same kernel takes (i386, 32-bit ARM).
 * A filter for one must refuse the other, so a row names both.
 */
#include "sandbox/seccomp_arch.h"

#include <linux/audit.h>

const struct seccomp_arch seccomp_arches[2] = {
	{ "SCMP_ARCH_X86_64", "amd64", "x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64,
		AUDIT_ARCH_I386 },
	{ "SCMP_ARCH_AARCH64", "arm64", "aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64,
		AUDIT_ARCH_ARM },
};

const struct seccomp_arch *seccomp_arch_by_name(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(seccomp_arches); i++) {
		const struct seccomp_arch *a = &seccomp_arches[i];

		if (str_eq(name, a->name) || str_eq(name, a->engine) || str_eq(name, a->uname))
			return a;
	}
	return NULL;
}

const struct seccomp_arch *seccomp_arch_by_token(uint32_t token)
{
	for (size_t i = 0; i < ARRAY_LEN(seccomp_arches); i++)
		if (seccomp_arches[i].token == token)
			return &seccomp_arches[i];
	return NULL;
}
