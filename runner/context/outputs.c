/*
 * Outputs leave this job's masker for ever: the job that reads them does not know this job's
 * secrets. So each is run through the masker first, and one that the masker would change is left
 * out.
 */
#include "runner/context/outputs.h"

#include "base/limits.h"
#include "base/log.h"
#include "runner/context/facts.h"
#include "runner/context/job.h"

#define ANSWER_US (60 * USEC_PER_SEC)
#define NUL_AND_MASKS KIB(64) /* what a masked text may be longer */

/* For the author. The operator's log has it too; in a local run the two are one person. */
static void say(struct job *j, const char *name, const char *why)
{
	if (j->step.log)
		step_log_line(j->step.log, "[shithub] output \"%s\" is dropped: %s", name, why);
	if (!j->step.log || !j->place.local)
		log_warn("job", "output_not_passed", F_STR("name", name), F_STR("why", why));
}

static void to_buf(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static bool masked(struct job *j, const struct buf *text)
{
	CLEAN_BUF struct buf shown = BUF_INIT(LIMIT_JOB_OUTPUTS + NUL_AND_MASKS);

	mask_feed(j->out.mask, text->data, text->len, to_buf, &shown);
	mask_end(j->out.mask, to_buf, &shown);
	return shown.len != text->len ||
	       (text->len && memcmp(shown.data, text->data, text->len) != 0);
}

/* NULL: it is added, or an error was said; else why it is not passed on. */
static const char *add_output(
	struct job *j, const struct pair *output, struct json_writer *w, size_t *bytes)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = job_context(j, a, NO_STEP, NULL, EXPR_NO_STATUS);
	CLEAN_BUF struct buf text = BUF_INIT_SECRET(LIMIT_EXPR_STRING + 1);
	size_t own = strlen(output->key);
	struct err e = { 0 };
	unsigned flags = 0;

	if (render_text(output->value, strlen(output->value), &c, &text, &flags, &e) < 0) {
		CLEAN_STR char *why = xasprintf("its expression failed: %s", e.text);

		say(j, output->key, why);
		return NULL;
	}
	own += text.len;
	if (*bytes + own > LIMIT_JOB_OUTPUTS)
		return "the outputs of a job may have 1 MiB in all";
	if (flags & EXPR_SECRET || masked(j, &text))
		return "it holds a secret";
	*bytes += own;
	json_kv_str(w, output->key, buf_cstr(&text));
	return NULL;
}

static int body_make(struct job *j, struct buf *out, struct err *e)
{
	const struct pairs *outputs = &j->spec->outputs;
	CLEANUP(pairs_release) struct pairs dropped = { 0 };
	struct json_writer w;
	size_t bytes = 0;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_key(&w, "outputs");
	json_begin_object(&w);
	for (size_t i = 0; i < outputs->n; i++) {
		const char *why = add_output(j, &outputs->v[i], &w, &bytes);

		if (why)
			pairs_set(&dropped, outputs->v[i].key, why);
	}
	for (size_t i = 0; i < dropped.n; i++) /* behind the errors */
		say(j, dropped.v[i].key, dropped.v[i].value);
	json_end_object(&w);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

struct delivery {
	bool over;
	struct err error;
};

static void on_answer(void *data, const struct json_value *answer UNUSED, const struct err *why)
{
	struct delivery *t = data;

	t->over = true;
	if (why)
		t->error = *why;
}

static int send(struct job *j, const struct buf *body, struct err *e)
{
	struct delivery t = { 0 };

	report_call(j->out.report, &(struct report_call){ .path = "/outputs",
					   .body = buf_cstr(body),
					   .done = on_answer,
					   .data = &t });
	if (loop_wait(j->loop, &t.over, mono_add(mono_now(), ANSWER_US), &t.error) < 0)
		report_call_cancel(j->out.report, &t);
	if (t.error.class == ERR_NONE)
		return 0;
	*e = t.error;
	return -1;
}

int job_outputs_report(struct job *j)
{
	CLEAN_BUF struct buf body = BUF_INIT_SECRET(LIMIT_JOB_OUTPUTS_BODY);
	struct err e = { 0 };

	if (!j->spec->outputs.n || !report_can_call(j->out.report))
		return 0;
	if (j->step.log) /* it shares the masker */
		step_log_output_end(j->step.log);
	if (body_make(j, &body, &e) == 0 && send(j, &body, &e) == 0)
		return 0;
	log_warn("job", "outputs_not_reported", F_ERR(&e));
	if (j->step.log)
		step_log_line(
			j->step.log, "[shithub] error: the outputs cannot be sent: %s", e.text);
	return -1;
}
