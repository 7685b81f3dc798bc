/* See job_outputs.h. */
#include "runner/job_outputs.h"

#include "base/limits.h"
#include "base/log.h"
#include "runner/job.h"

#define TELL_US (60 * USEC_PER_SEC)
#define OUTPUTS_MAX KIB(256)

static void to_buf(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static bool masked(struct job *j, const struct buf *text)
{
	CLEAN_BUF struct buf shown = BUF_INIT(OUTPUTS_MAX + KIB(64));
	mask_feed(j->mask, text->data, text->len, to_buf, &shown);
	mask_end(j->mask, to_buf, &shown);
	return shown.len != text->len ||
	       (text->len && memcmp(shown.data, text->data, text->len) != 0);
}

/* NULL: it is added; else why it is not. */
static const char *add_output(struct job *j, const struct pair *output, struct json_writer *w)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = job_context(j, a, NULL, EXPR_NO_STATUS);
	CLEAN_BUF struct buf text = BUF_INIT_SECRET(OUTPUTS_MAX);
	struct err e = { 0 };
	unsigned flags = 0;

	if (render_text(output->value, strlen(output->value), &c, &text, &flags, &e) < 0)
		return "its text does not render";
	if (flags & EXPR_SECRET || masked(j, &text))
		return "it holds a secret";
	json_kv_str(w, output->key, buf_cstr(&text));
	return NULL;
}

static int body_make(struct job *j, struct buf *out, struct err *e)
{
	const struct pairs *outputs = &j->spec->outputs;
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_key(&w, "outputs");
	json_begin_object(&w);
	for (size_t i = 0; i < outputs->n; i++) {
		const char *why = add_output(j, &outputs->v[i], &w);
		if (why)
			log_warn("job", "output_not_passed", F_STR("name", outputs->v[i].key),
				F_STR("why", why));
	}
	json_end_object(&w);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

struct telling {
	bool over;
	struct err error;
};

static void on_answer(void *data, const struct json_value *answer UNUSED, const struct err *why)
{
	struct telling *t = data;
	t->over = true;
	if (why)
		t->error = *why;
}

void job_outputs_report(struct job *j)
{
	CLEAN_BUF struct buf body = BUF_INIT(OUTPUTS_MAX);
	struct telling t = { 0 };
	struct err e = { 0 };

	if (!j->spec->outputs.n || !report_can_call(j->report))
		return;
	if (body_make(j, &body, &e) == 0) {
		report_call(j->report, &(struct report_call){ .path = "/outputs",
					       .body = buf_cstr(&body),
					       .done = on_answer,
					       .data = &t });
		if (loop_wait(j->loop, &t.over, mono_add(mono_now(), TELL_US), &t.error) < 0)
			report_call_cancel(j->report, &t);
		e = t.error;
	}
	if (e.class != ERR_NONE)
		log_warn("job", "outputs_not_told", F_ERR(&e));
}
