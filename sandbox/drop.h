/*
 * Dropping privileges: one function, called first by every role after exec, before it reads
 * anything from outside. Every step is verified after the fact; any failure is returned and the
 * role must exit. Works for root, for an ordinary user with ambient capabilities, and for an
 * ordinary user with none (uid/gid must then be its own).
 *
 * A changed uid or gid makes the kernel forget PR_SET_PDEATHSIG: a role that wants to die with its
 * parent asks for it again afterwards.
 */
#ifndef SANDBOX_DROP_H
#define SANDBOX_DROP_H

#include <sys/types.h>

#include "base/err.h"

struct drop_spec {
	uid_t uid; /* (uid_t)-1: keep */
	gid_t gid; /* (gid_t)-1: keep; else supplementary groups are cleared too (a process without
		    * CAP_SETGID cannot clear them and keeps those of its own user) */
	const int *keep_caps; /* CAP_* numbers kept permitted+effective (not inheritable, no
				 ambient) */
	size_t n_keep_caps;
	bool keep_groups; /* supplementary groups stay (a job process needs the engine's group) */
};
/* Which of the capabilities this process has permitted, into ret (room for n): how many. */
size_t drop_have(const int *wanted, size_t n, int *ret);
/* After the drop, for a role that executes a tool: it gets these kept ones too. */
int drop_pass_on(const int *caps, size_t n, struct err *e) CHECK_RESULT;
/* no_new_privs, bounding set, groups, gid, uid, capabilities, undumpable: in that order. */
int drop_privileges(const struct drop_spec *spec, struct err *e) CHECK_RESULT;

#endif
