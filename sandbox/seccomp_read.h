/*
 * A profile's text as rules, for seccomp_verify.c only. Reads on after a finding, so that all of
 * them are told at once.
 */
#ifndef SANDBOX_SECCOMP_READ_H
#define SANDBOX_SECCOMP_READ_H

#include "base/json.h"
#include "sandbox/seccomp_arch.h"
#include "sandbox/seccomp_report.h"

struct seccomp_read_rule {
	const char *name; /* borrowed from the document */
	size_t index;     /* in "syscalls" */
	uint32_t action;  /* SCMP_ACT_… */
	unsigned n;
	struct scmp_arg_cmp args[6];
};

struct seccomp_read {
	uint32_t fallback;
	const struct seccomp_arch *arch; /* NULL: none that could be verified */
	bool readable;                   /* enough of it to be compiled */
	struct seccomp_read_rule *rules; /* those that apply to a container without capabilities */
	size_t n_rules;
};

void seccomp_read(
	const struct json_value *root, struct seccomp_read *ret, struct seccomp_report *report);
void seccomp_read_release(struct seccomp_read *r);

#endif
