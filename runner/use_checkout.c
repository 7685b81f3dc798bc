/* actions/checkout: its inputs, and the sandboxed child that does it (checkout/checkout.h). */
#include "runner/step_kinds.h"

#include "runner/channel.h"

struct checkout_wait {
	struct job *job;
	struct checkout_result result;
};

static void on_checkout_line(void *data, const char *line)
{
	struct checkout_wait *w = data;

	step_log_line(w->job->log, "%s", line);
}

static void on_checkout_done(void *data, const struct checkout_result *r)
{
	struct checkout_wait *w = data;

	w->result = *r;
	w->job->step_over = true;
}

/* actions/checkout's inputs that mean something here; what we would have to ignore is an error. */
static int read_inputs(const struct pairs *with, struct checkout_request *r, struct err *e)
{
	r->depth = 1;
	for (size_t i = 0; i < with->n; i++) {
		const char *key = with->v[i].key, *value = with->v[i].value;

		if (str_eq(key, "path")) {
			r->path = value;
		} else if (str_eq(key, "fetch-depth")) {
			if (!parse_i64(value, 0, 100000, &r->depth))
				return err_set(e, ERR_INPUT,
					"fetch-depth \"%s\": expected a whole number from 0 to "
					"100000",
					value);
		} else if (!(str_eq(key, "clean") || str_eq(key, "persist-credentials"))) {
			return err_set(e, ERR_INPUT,
				"actions/checkout: input \"%s\" is not supported, expected "
				"fetch-depth, path, clean or persist-credentials",
				key);
		}
	}
	return 0;
}

static int checkout_wait(
	struct job *j, const struct checkout_request *r, struct checkout_wait *w, struct err *e)
{
	int fd = channel_start_role(j->channel, "checkout", e);

	if (fd < 0)
		return -1;
	j->checkout = checkout_start(j->loop, fd, r, on_checkout_line, on_checkout_done, w, e);
	if (!j->checkout || loop_wait(j->loop, &j->step_over, MONO_NEVER, e) < 0)
		return -1;
	checkout_free(TAKE(j->checkout));
	return 0;
}

enum outcome use_checkout(struct job *j, const struct step_text *t)
{
	struct checkout_wait w = { .job = j };
	struct checkout_request r = { .url = j->spec->checkout_url,
		.token = j->spec->checkout_token,
		.sha = j->spec->head_sha,
		.ref = j->spec->head_ref,
		.workspace = j->workspace,
		.ca_file = j->config->server.ca_file };
	struct err e = { 0 };

	if (read_inputs(&t->with, &r, &e) < 0 || checkout_request_check(&r, &e) < 0 ||
		checkout_wait(j, &r, &w, &e) < 0)
		return step_fails(j, &e);
	if (j->interrupt != INTERRUPT_NONE)
		return step_interrupted(j);
	return w.result.ok ? OUTCOME_SUCCESS : step_fails(j, &w.result.error);
}
