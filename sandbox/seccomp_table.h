/*
 * The table behind seccomp.h, for sandbox/ and its tests only. Names this architecture or this
 * libseccomp does not know are skipped: all of them allow, and what is not allowed is denied.
 */
#ifndef SANDBOX_SECCOMP_TABLE_H
#define SANDBOX_SECCOMP_TABLE_H

#include <seccomp.h>

#include "base/util.h"

enum seccomp_set {
	SC_STEP = 1,  /* what runs in a step container */
	SC_NET = 2,   /* SECCOMP_CHECKOUT_NET */
	SC_TREE = 4,  /* SECCOMP_CHECKOUT_TREE, SECCOMP_ARTIFACT_UNPACK */
	SC_READ = 8,  /* SECCOMP_ARTIFACT_PACK */
	SC_LOOK = 16, /* SECCOMP_WATCH */
	SC_ALL = SC_STEP | SC_NET | SC_TREE | SC_READ | SC_LOOK,
};

/* System calls without argument rules. */
struct seccomp_group {
	const char *what;
	unsigned sets;
	uint32_t action;          /* SCMP_ACT_… */
	const char *const *names; /* NULL-terminated */
};

/*
 * Argument rules compare for equality, all bits (SCMP_CMP_EQ) or those of a mask (MASKED_EQ). The
 * filter sees 64 bits where the kernel uses 32, so any "not equal" or "greater" rule could be met
 * by setting a high bit. Rows of one name are alternatives; the arguments of one row all must
 * match.
 */
struct seccomp_rule {
	const char *name;
	unsigned sets;
	uint32_t action;
	unsigned n_args;
	struct scmp_arg_cmp args[2];
};

/* "Any 32-bit value of this argument but these": expanded into MASKED_EQ rules (seccomp.c). */
struct seccomp_except {
	const char *name;
	unsigned sets;
	unsigned arg;
	const uint32_t *values;
	size_t n_values;
};

extern const struct seccomp_group seccomp_groups[];
extern const size_t seccomp_groups_len;
extern const struct seccomp_rule seccomp_rules[];
extern const size_t seccomp_rules_len;
extern const struct seccomp_except seccomp_excepts[];
extern const size_t seccomp_excepts_len;

typedef int (*seccomp_emit_fn)(void *data, const char *name, uint32_t action, unsigned n_args,
	const struct scmp_arg_cmp *args);
/* Calls emit for every row of the sets; stops at the first -1. Names that arch (SCMP_ARCH_…) lacks
 * are left out. */
int seccomp_table_each(uint32_t arch, unsigned sets, seccomp_emit_fn emit, void *data) CHECK_RESULT;

#endif
