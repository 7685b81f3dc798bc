/* A line without an end is given when its step is over; until then it may go on. */
#include "coordinator/pages/log/reader.h"

int64_t log_source_number(const struct log_source *s)
{
	return s->step->index + 1;
}

bool log_source_over(const struct log_source *s)
{
	return status_terminal(s->step->state.status) || status_terminal(s->job->state.status);
}

void log_reader_init(struct log_reader *r, struct app *a, const struct log_source *s,
	const struct log_mark *from)
{
	*r = (struct log_reader){ 0 };
	stored_step_init(&r->log, a->store, a->objects, s->job->source_run_id);
	r->log.timed = true;
	log_lines_init(&r->lines, from ? &from->lines : NULL);
	if (from)
		stored_step_jump(&r->log, &from->at);
}

void log_reader_release(struct log_reader *r)
{
	stored_step_release(&r->log);
	log_lines_release(&r->lines);
}

static void feed(struct log_reader *r, const char *p, size_t n)
{
	for (size_t at = 0, part; at < n; at += part) {
		part = stored_step_time(
			&r->log, r->log.given - (int64_t)(n - at), n - at, &r->lines.at);
		log_lines_feed(&r->lines, p + at, part);
	}
}

int log_reader_go_on(struct log_reader *r, const struct log_source *s, struct err *e)
{
	char piece[LOG_PIECE];
	ssize_t n = r->ended ? 0 : stored_step_read(&r->log, s->step, piece, sizeof(piece), e);

	if (n > 0)
		feed(r, piece, (size_t)n);
	if (n == 0 && !r->ended && log_source_over(s)) {
		r->ended = true;
		log_lines_end(&r->lines);
	}
	return n > 0 ? 1 : (int)n;
}
