/* What was sent is forgotten before more is made, so memory is what one piece comes to. */
#include "coordinator/pages/log/answer.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/markup.h"

struct log_source log_answer_source(const struct log_answer *a)
{
	return (struct log_source){ &a->at.job, &a->steps.v[a->step] };
}

void log_answer_close(struct log_answer *a)
{
	if (a->reading)
		log_reader_release(&a->reader);
	a->reading = false;
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct log_answer *a = data;

	if (a->release)
		a->release(a);
	log_answer_close(a);
	log_index_put(a->app, a->index);
	html_release(&a->html);
	place_release(&a->at);
	job_steps_release(&a->steps);
	free(a);
}

static int answer_refuse(struct httpd_request *r, const struct err *e)
{
	page_fail(r, e);
	return -1;
}

int log_answer_begin(struct log_answer *a, struct app *app, struct httpd_request *r)
{
	struct err e = { 0 };

	a->app = app;
	html_init(&a->html, LOG_ANSWER_BYTES);
	httpd_on_close(r, on_close, a);
	if (place_of(app, r, PLACE_JOB, &a->at, &e) < 0 ||
		store_step_list(app->store, a->at.job.source_id, &a->steps, &e) < 0)
		return answer_refuse(r, &e);
	a->step = a->steps.n;
	return 0;
}

int log_answer_step(struct log_answer *a, struct httpd_request *r)
{
	struct err e = { 0 };
	int64_t number;

	if (!httpd_param_id(r, "step", &number) || number > (int64_t)a->steps.n) {
		err_set(&e, ERR_NOT_FOUND, "the job has no such step");
		return answer_refuse(r, &e);
	}
	a->step = (size_t)number - 1;
	struct log_source s = log_answer_source(a);
	a->index = log_index_get(a->app, &s);
	return 0;
}

void log_answer_read(
	struct log_answer *a, int64_t line, void (*on_line)(void *data, const struct log_line *l))
{
	struct log_source s = log_answer_source(a);

	log_reader_init(&a->reader, a->app, &s, a->index ? log_index_before(a->index, line) : NULL);
	a->reader.lines.on_line = on_line;
	a->reader.lines.data = a;
	a->reading = true;
}

int log_answer_more(struct log_answer *a)
{
	struct log_source s = log_answer_source(a);
	struct err e = { 0 };
	int rc = log_reader_go_on(&a->reader, &s, &e);

	if (rc < 0) {
		log_error("pages", "log_read_failed", F_ERR(&e));
		a->failed = true;
	}
	return rc;
}

static ssize_t answer_read(void *data, char *out, size_t max)
{
	struct log_answer *a = data;

	if (a->sent == a->html.out.len) {
		if (a->ended)
			return HTTPD_END;
		buf_clear(&a->html.out);
		a->sent = 0;
		a->go_on(a);
		if (!a->html.out.len)
			html_markup(&a->html, "\n");
	}
	if (a->failed || !buf_ok(&a->html.out))
		return HTTPD_ABORT;
	size_t left = a->html.out.len - a->sent, n = left < max ? left : max;
	memcpy(out, a->html.out.data + a->sent, n);
	a->sent += n;
	return (ssize_t)n;
}

void log_answer_send(struct log_answer *a, struct httpd_request *r, const char *type)
{
	page_headers(r);
	httpd_reply_stream(r, 200, type, answer_read, a);
}
