/* The jobs of a run as people draw them: one card a job, with its legs, in columns by what has to
 * be over first. */
#ifndef COORDINATOR_PAGES_GRAPH_H
#define COORDINATOR_PAGES_GRAPH_H

#include "coordinator/store/job.h"

struct card {
	const char *key; /* of the list's rows */
	size_t stage;    /* 0: needs nothing */
	size_t first;    /* of its jobs */
	size_t jobs, done;
};
struct graph {
	struct card *v; /* in the order of the file */
	size_t n, stages;
};
void graph_make(const struct job_list *l, struct graph *ret); /* borrows the list */
void graph_release(struct graph *g);

#endif
