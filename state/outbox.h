/*
 * What a job has to tell its coordinator, in the order it must be told: one line of JSON a report,
 * appended when it is queued. state/chain.h counts how many of them were delivered; the rest is
 * what another process has to send when this one dies. Nothing is synced (see chain.h). A last line
 * without its end was torn and counts as never written.
 *
 * <job's folder>/outbox, 0600. Job process, then the recover process.
 */
#ifndef STATE_OUTBOX_H
#define STATE_OUTBOX_H

#include "base/err.h"

enum outbox_kind { OUTBOX_JOB, OUTBOX_STEP, OUTBOX_LOG };

struct outbox_report {
	enum outbox_kind kind;
	int64_t step; /* 0: the job, or the log of a step known by no number */
	bool terminal;
	char *body;   /* statuses: the request's body as it is */
	char *file;   /* logs: the spool's name in the job's folder */
	char *header; /* a line that goes along; NULL: none */
};
struct outbox_list {
	struct outbox_report *v;
	size_t n;
};
void outbox_list_release(struct outbox_list *l);

/* Made when missing, else open for more behind its last whole line; room is reserved for the
 * reports of so many steps. The descriptor, or -1. */
int outbox_open(const char *dir, size_t steps, struct err *e) CHECK_RESULT;
int outbox_append(int fd, const struct outbox_report *r, struct err *e) CHECK_RESULT;
/* A missing file is an empty list. */
int outbox_read(const char *dir, struct outbox_list *ret, struct err *e) CHECK_RESULT;
/* Pure. */
int outbox_parse(const char *text, size_t n, struct outbox_list *ret, struct err *e) CHECK_RESULT;

#endif
