/* Landlock for our own children: the ABI is probed at run time, masks follow it. */
#ifndef SANDBOX_LANDLOCK_H
#define SANDBOX_LANDLOCK_H

#include "base/err.h"

struct landlock_path {
	const char *path;
	bool writable; /* create, write, remove below; else read only. Never execute, never devices */
};
int landlock_abi(void); /* 0: not available */
/* 1 when restricted, 0 when the kernel has no Landlock, -1 on error. deny_net: no TCP at all. */
int landlock_restrict(const struct landlock_path *paths, size_t n, bool deny_net,
	struct err *e) CHECK_RESULT;

#endif
