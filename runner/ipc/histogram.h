/*
 * Durations counted into fixed buckets from 10 ms to an hour, as Prometheus wants them. A plain
 * value without pointers, so that it may travel between processes. Grows only.
 */
#ifndef RUNNER_IPC_HISTOGRAM_H
#define RUNNER_IPC_HISTOGRAM_H

#include "base/buf.h"

enum { HISTOGRAM_BUCKETS = 13 };

struct histogram {
	uint64_t bucket[HISTOGRAM_BUCKETS + 1]; /* not cumulative; the last: above every bound */
	uint64_t sum_us;
};

void histogram_add(struct histogram *h, int64_t us); /* below 0 counts as 0 */
void histogram_merge(struct histogram *into, const struct histogram *h);
uint64_t histogram_count(const struct histogram *h);
/* False when h shows less of anything than before does. */
bool histogram_grew(const struct histogram *before, const struct histogram *h);
/* HELP, TYPE and samples of one metric in text form. */
void histogram_write(
	const struct histogram *h, const char *name, const char *help, struct buf *out);

#endif
