/* A browser keeps the id of the last event that had one, so only those say one that moved on. */
#include "coordinator/pages/log/event.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/limits.h"
#include "coordinator/pages/show.h"

static void write_place(struct buf *out, const struct log_place *to)
{
	buf_addf(out, "id: %" PRId64 "-%" PRId64 "-%" PRId64 "\n", to->returns, to->step, to->line);
}

/* Each of its lines; the last has no end. */
static void write_data(struct buf *out, struct slice text)
{
	while (text.len && text.ptr[text.len - 1] == '\n')
		text.len--;
	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len;

		buf_adds(out, "data: ");
		buf_add(out, text.ptr, n);
		buf_adds(out, "\n");
		n += end != NULL;
		text.ptr += n;
		text.len -= n;
	}
}

void event_lines(struct buf *out, const struct log_place *to, int64_t from, struct slice markup)
{
	write_place(out, to);
	buf_addf(out, "event: lines\ndata: %" PRId64 " %" PRId64 " %" PRId64 "\n", to->step, from,
		to->line);
	write_data(out, markup);
	buf_adds(out, "\n");
}

static void write_moment(struct json_writer *w, const char *key, struct wall t)
{
	json_kv_int(w, key, t.us / USEC_PER_MSEC);
}

/* Members that both have. */
static void write_state(
	struct json_writer *w, struct state state, struct wall started, struct wall completed)
{
	CLEAN_HTML struct html mark;

	html_init(&mark, KIB(4));
	html_mark(&mark, state_word(state));
	json_kv_str(w, "mark", buf_cstr(&mark.out));
	json_kv_str(w, "state", word_shown(state_word(state)));
	json_kv_bool(w, "over", status_terminal(state.status));
	write_moment(w, "started", started);
	write_moment(w, "completed", completed);
}

static void write_event(struct buf *out, const char *name, struct json_writer *w, struct buf *json)
{
	json_end_object(w);
	if (json_writer_finish(w, NULL) == 0)
		buf_addf(out, "event: %s\ndata: %s\n\n", name, buf_cstr(json));
}

void event_job(struct buf *out, const struct job_row *job)
{
	CLEAN_BUF struct buf json = BUF_INIT(KIB(16));
	struct json_writer w;

	json_writer_init(&w, &json, false);
	json_begin_object(&w);
	write_state(&w, job->state, job->started_at, job->completed_at);
	write_event(out, "job", &w, &json);
}

void event_step(struct buf *out, const struct step_row *step)
{
	CLEAN_BUF struct buf json = BUF_INIT(KIB(16));
	struct json_writer w;

	json_writer_init(&w, &json, false);
	json_begin_object(&w);
	json_kv_int(&w, "step", step->index + 1);
	write_state(&w, step->state, step->started_at, step->completed_at);
	json_kv_int(&w, "bytes", step->log_bytes);
	write_event(out, "step", &w, &json);
}

void event_reset(struct buf *out, const struct log_place *to)
{
	write_place(out, to);
	buf_adds(out, "event: reset\ndata: \n\n");
}

void event_end(struct buf *out, int64_t returns)
{
	buf_addf(out, "id: %" PRId64 "-end\nevent: end\ndata: \n\n", returns);
}
