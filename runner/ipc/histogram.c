/*
 * Bounds are those that suit steps: most take between tenths of a second and minutes. Buckets are
 * kept separately and summed up only when they are written, so that adding is one increment and two
 * histograms add up by position.
 */
#include "runner/ipc/histogram.h"

#include <inttypes.h>

#include "base/clock.h"

static const int64_t bound_ms[HISTOGRAM_BUCKETS] = { 10, 50, 100, 500, 1000, 5000, 10000, 30000,
	60000, 300000, 600000, 1800000, 3600000 };

void histogram_add(struct histogram *h, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < HISTOGRAM_BUCKETS && us > bound_ms[i] * USEC_PER_MSEC)
		i++;
	h->bucket[i]++;
	h->sum_us += (uint64_t)us;
}

void histogram_merge(struct histogram *into, const struct histogram *h)
{
	for (size_t i = 0; i < ARRAY_LEN(h->bucket); i++)
		into->bucket[i] += h->bucket[i];
	into->sum_us += h->sum_us;
}

uint64_t histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(h->bucket); i++)
		n += h->bucket[i];
	return n;
}

bool histogram_grew(const struct histogram *before, const struct histogram *h)
{
	for (size_t i = 0; i < ARRAY_LEN(h->bucket); i++)
		if (h->bucket[i] < before->bucket[i])
			return false;
	return h->sum_us >= before->sum_us;
}

void histogram_write(const struct histogram *h, const char *name, const char *help, struct buf *out)
{
	uint64_t n = 0;

	buf_addf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		n += h->bucket[i];
		buf_addf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)bound_ms[i] / 1e3,
			n);
	}
	buf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, histogram_count(h));
	buf_addf(out, "%s_sum %.6f\n%s_count %" PRIu64 "\n", name, (double)h->sum_us / 1e6, name,
		histogram_count(h));
}
