/*
 * A bar is a rectangle of a picture 1000 wide, so that no style has to stand in the page. Jobs
 * stand in the order in which they began; those that an earlier attempt gave took no time of this
 * run. A page shows so many of them, the longest.
 */
#include "coordinator/pages/timeline.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "coordinator/pages/show.h"

enum { WIDTH = 1000, BARS_SHOWN = 60 };

struct bar {
	const struct job_row *job;
	int64_t ready, from, to; /* when it was made, began and ended, or now */
};
struct bars {
	struct bar *v;
	size_t n;
	int64_t from, to; /* of all */
};

static void bars_release(struct bars *b)
{
	free(b->v);
}

static int by_length(const void *one, const void *other)
{
	const struct bar *a = one, *b = other;
	int64_t x = a->to - a->from, y = b->to - b->from;

	return x < y ? 1 : x > y ? -1 : a->job->id > b->job->id ? 1 : -1;
}

static int by_begin(const void *one, const void *other)
{
	const struct bar *a = one, *b = other;

	if (a->from != b->from)
		return a->from > b->from ? 1 : -1;
	return a->job->id > b->job->id ? 1 : -1;
}

static void bars_make(struct bars *b, const struct job_list *jobs, struct wall now)
{
	b->v = xcalloc(jobs->n + 1, sizeof(*b->v));
	for (size_t i = 0; i < jobs->n; i++) {
		const struct job_row *job = &jobs->v[i];
		const int64_t end = job->completed_at.us ? job->completed_at.us : now.us;

		if (!job->started_at.us || job_kept(job) || end < job->started_at.us)
			continue;
		b->v[b->n++] = (struct bar){ job, job->created_at.us, job->started_at.us, end };
	}
	qsort(b->v, b->n, sizeof(*b->v), by_length);
}

static void bars_span(struct bars *b)
{
	b->from = INT64_MAX;
	for (size_t i = 0; i < b->n; i++) {
		b->from = b->v[i].ready < b->from ? b->v[i].ready : b->from;
		b->to = b->v[i].to > b->to ? b->v[i].to : b->to;
	}
}

/* Of WIDTH; the span of a run may be years, so it is no product of two times. */
static int64_t place_of_time(const struct bars *b, int64_t t)
{
	const double share = (double)(t - b->from) / (double)(b->to - b->from);

	return (int64_t)(share * WIDTH);
}

static void write_bar(
	struct html *h, const struct bars *b, const struct bar *bar, const char *run_url)
{
	const int64_t x = place_of_time(b, bar->from), end = place_of_time(b, bar->to);
	const int64_t wait = place_of_time(b, bar->ready);
	CLEAN_STR char *url = xasprintf("%s/jobs/%" PRId64, run_url, bar->job->id);

	html_time_bar(h, &(struct html_time_bar){ .url = url,
				 .name = bar->job->name,
				 .word = state_word(bar->job->state),
				 .waited = bar->from - bar->ready,
				 .took = bar->to > bar->from ? bar->to - bar->from : 1,
				 .wait_x = wait,
				 .wait_width = x - wait,
				 .x = x,
				 .width = end > x + 4 ? end - x : 4,
				 .class = state_word(bar->job->state) });
}

void html_timeline(struct html *h, const struct job_list *jobs, const char *run_url)
{
	CLEANUP(bars_release) struct bars b = { 0 };

	bars_make(&b, jobs, h->now);
	const size_t all = b.n;
	b.n = all < BARS_SHOWN ? all : BARS_SHOWN;
	bars_span(&b);
	if (b.n < 2 || b.to <= b.from)
		return;
	qsort(b.v, b.n, sizeof(*b.v), by_begin);
	html_timeline_begin(h, &(struct html_timeline_begin){ .took = b.to - b.from });
	for (size_t i = 0; i < b.n; i++)
		write_bar(h, &b, &b.v[i], run_url);
	html_timeline_end(h, &(struct html_timeline_end){ .left = (int64_t)(all - b.n) });
}
