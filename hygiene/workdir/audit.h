/*
 * Inspects one workspace: who owns what, what could not be deleted and why, how large and how old
 * it is, whether it is in use. Changes nothing. What is contaminated is decided by the kernel's
 * rules (base/tree/walk.h, walk_removal), not by appearance: a foreign or read-only file that can
 * be deleted is cosmetic.
 */
#ifndef HYGIENE_WORKDIR_AUDIT_H
#define HYGIENE_WORKDIR_AUDIT_H

#include "base/clock.h"
#include "hygiene/workdir/finding.h"
#include "hygiene/workdir/workdir.h"

/* In order of precedence, the last wins. */
enum workdir_status {
	WORKDIR_CLEAN,
	WORKDIR_STALE,
	WORKDIR_CONTAMINATED,
	WORKDIR_NOT_KNOWN, /* not all of it could be inspected */
	WORKDIR_IN_USE,
};
enum { WORKDIR_STATUSES = WORKDIR_IN_USE + 1 };
const char *workdir_status_name(enum workdir_status s); /* clean stale contaminated unknown busy */

struct workdir_audit {
	const struct workdir *dir;
	enum workdir_status status;
	enum workdir_use use;
	char *busy_why; /* owned */
	struct walk_usage usage;
	struct findings findings;
};

struct workdir_audit_spec {
	const struct in_use *in_use;
	const struct in_use_engine *engine; /* for those who take a snapshot; NULL: none */
	struct wall now;
	int64_t stale_after_us; /* 0: never stale */
	bool claimed;           /* the caller holds the lease of what it looks at */
	unsigned threads;       /* 1..WALK_THREADS_MAX */
	/* NULL, or called now and then with the number of entries so far, from any thread */
	void (*progress)(void *data, uint64_t entries);
	void *progress_data;
};
/* -1: it is gone, or cannot be inspected at all. */
int workdir_audit(struct workdir_audit *ret, const struct workdir *w,
	const struct workdir_audit_spec *spec, struct err *e) CHECK_RESULT;
void workdir_audit_release(struct workdir_audit *a);

#endif
