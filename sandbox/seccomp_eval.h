/*
 * What would a filter answer? Runs the classic BPF program that libseccomp exports over one system
 * call, without loading it anywhere. Pure; for the profile check and tests.
 */
#ifndef SANDBOX_SECCOMP_EVAL_H
#define SANDBOX_SECCOMP_EVAL_H

#include <linux/filter.h>
#include <seccomp.h>

#include "base/err.h"

enum { SECCOMP_PROGRAM_MAX = 4096 }; /* BPF_MAXINSNS */
struct seccomp_program {
	struct sock_filter insns[SECCOMP_PROGRAM_MAX];
	size_t n;
};
int seccomp_program_export(
	scmp_filter_ctx x, struct seccomp_program *ret, struct err *e) CHECK_RESULT;
/* A SECCOMP_RET_… value; SECCOMP_RET_KILL_PROCESS also for a malformed program. */
uint32_t seccomp_program_run(
	const struct seccomp_program *p, uint32_t audit_arch, int nr, const uint64_t args[6]);
uint32_t seccomp_native_audit_arch(void);

/* Calls that a profile must deny, and calls without which no step can run (seccomp_probes.c). */
enum seccomp_want {
	PROBE_ALLOW,
	PROBE_DENY,   /* any errno, or a kill */
	PROBE_ENOSYS, /* this answer only: libraries fall back to another call */
};
struct seccomp_probe {
	const char *name;
	enum seccomp_want want;
	const char *why;
	uint64_t args[3];
	bool tolerated; /* Docker's own default allows it to a container without capabilities */
};
extern const struct seccomp_probe seccomp_probes[];
extern const size_t seccomp_probes_len;

#endif
