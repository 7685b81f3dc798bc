/*
 * Landlock for our own children: the ABI is probed at run time, masks follow it. Call it before the
 * seccomp filter; it sets no_new_privs itself. The calling thread must be the only one.
 *
 * Besides files it closes, where the kernel can: device ioctls, abstract unix sockets and signals
 * to anybody outside (a restricted parent cannot even signal a child that it forked before).
 */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "base/err.h"

struct landlock_path {
	const char *path; /* file or directory; links are followed here, once. A missing path is
			   * skipped when read only, an error when writable */
	bool writable;    /* create, write, remove below; else read only. Never devices */
	bool executable;  /* programs below may be started; nothing else ever is */
};
int landlock_abi(void); /* 0: not available */
/* 1 when restricted, 0 when the kernel has no Landlock, -1 on error. deny_net: no TCP at all. */
int landlock_restrict(
	const struct landlock_path *paths, size_t n, bool deny_net, struct err *e) CHECK_RESULT;

#endif
