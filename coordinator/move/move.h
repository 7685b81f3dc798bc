/*
 * Copies all rows of a store into one of the other engine, `shithubd store copy`. The source is not
 * changed: nobody can write to it meanwhile, so what is compared at the end is what was read (of a
 * snapshot: whatever they write is not seen).
 *
 * Each page is a transaction of the destination, with the row of store_copy that says how far it
 * is. While that row is there, nobody but a copy opens the destination (store.h). A copy that was
 * cut off compares what is there already with the source and goes on behind it.
 */
#ifndef COORDINATOR_MOVE_MOVE_H
#define COORDINATOR_MOVE_MOVE_H

#include "base/codec.h"
#include "base/err.h"

enum { MOVE_PAGE = 2000 };

struct move_options {
	const char *from, *to; /* as --store takes them; one a file, one a database */
	/* The source goes on: what is copied is what it held at one instant, for a backup.
	 * PostgreSQL alone. Else nobody may use it meanwhile. */
	bool snapshot;
	int64_t page;                               /* rows, at most; 0: MOVE_PAGE */
	void (*tell)(void *data, const char *line); /* what goes on, now and then */
	void *data;
};
struct move_table {
	char *name;
	int64_t rows, counter; /* counter: the last number given, 0: none */
	char digest[SHA256_HEX_MAX];
};
struct move_done {
	struct move_table *v;
	size_t n;
	int64_t rows;
	bool resumed;
};
void move_done_release(struct move_done *d);

/* ERR_CONFLICT: refused, nothing was changed, or the two differ; else what failed. */
int move_run(const struct move_options *o, struct move_done *ret, struct err *e) CHECK_RESULT;

#endif
