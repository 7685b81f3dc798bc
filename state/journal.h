/*
 * A job's journal: whose it is and what must be cleaned and reported when its processes die. Kept
 * beside chain.h (token, call in flight) and outbox.h (reports) in the job's folder; replaced
 * atomically and synced, so it changes only when the job does: at the claim, when its steps are
 * known, when its end is decided. No secret is in it.
 *
 * <job's folder>/journal, 0600. Written by the supervisor, then by the job process. What it says is
 * checked by the reader: a damaged one is set aside, never a reason not to start.
 */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include "base/err.h"

struct journal_steps {
	int64_t *v;
	size_t n;
};
struct journal {
	int64_t job, run; /* run 0: the claim named none, and there is no workspace */
	char *instance, *base_url, *workspace_root;
	struct journal_steps
		steps; /* the coordinator's ids in order; only the first until started */
	bool started;  /* a job process read the claim; steps are all of them */
	char *cause;   /* why the job was being ended, the first reason; NULL: it was not */
};
void journal_release(struct journal *j);

int journal_write(const char *dir, const struct journal *j, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND: none; ERR_INPUT, ERR_LIMIT: damaged. */
int journal_read(const char *dir, struct journal *ret, struct err *e) CHECK_RESULT;
int journal_parse(const char *text, size_t n, struct journal *ret, struct err *e) CHECK_RESULT;

#endif
