/* See box_capture.h. */
#include "runner/box_capture.h"

#include "base/buf.h"

struct capture {
	struct job *job;
	struct buf *out;
	struct step_result result;
};

static void on_output(void *data, const char *p, size_t n)
{
	struct capture *c = data;

	if (buf_ok(c->out) && buf_add(c->out, p, n) < 0)
		c->out->failed = true;
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct capture *c = data;

	c->result = *r;
	c->job->step_over = true;
}

static int judge(const struct job *j, const struct step_result *r, struct err *e)
{
	if (j->interrupt != INTERRUPT_NONE)
		return err_set(e, ERR_CANCELLED, "interrupted");
	if (r->end == STEP_EXITED && r->code == 0)
		return 0;
	if (r->infra.class != ERR_NONE) {
		*e = r->infra;
		return err_wrap(e, "infrastructure");
	}
	if (r->end == STEP_GONE)
		return err_set(e, ERR_ENGINE, "the container ended without a status");
	return err_set(e, ERR_INPUT, "sh in the image ended with %s %d",
		r->end == STEP_EXITED ? "exit code" : "signal", r->code);
}

static int run(struct job *j, const struct step_launch *l, struct err *e)
{
	j->step_over = false;
	if (step_box_launch(j->box, l, e) < 0)
		return -1;
	if (j->interrupt != INTERRUPT_NONE) /* it came while the box was made ready */
		step_box_kill(j->box);
	return loop_wait(j->loop, &j->step_over, MONO_NEVER, e);
}

int box_capture(
	struct job *j, const char *script, const struct strv *env, struct buf *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct capture c = { .job = j, .out = ret };
	bool shared = j->config->engine.isolation == ISOLATION_JOB;
	struct step_box **place = &j->runs[shared ? 0 : j->index].box;
	struct step_launch l = { .argv = &argv,
		.script = script,
		.script_len = strlen(script),
		.script_name = "step.sh",
		.env = env,
		.working_dir = BOX_WORKSPACE,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = &c };

	strv_split(&argv, "sh,{0}", ',');
	job_prepare_boxes(j, j->index);
	j->box = TAKE(*place);
	if (!j->box)
		BUG("no box for step %zu", j->index);
	int rc = run(j, &l, e);
	struct step_box *box = TAKE(j->box);
	if (rc == 0 && shared && j->interrupt == INTERRUPT_NONE)
		*place = box;
	else
		step_box_free(box);
	return rc < 0 ? -1 : judge(j, &c.result, e);
}
