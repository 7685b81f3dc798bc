/*
 * The output is collected here and not in the step's log: it answers a question of the runner's.
 * Both streams come as one, so whoever asks must mark its answers.
 */
#include "runner/step/box_capture.h"

#include "base/buf.h"
#include "runner/step/boxes.h"

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
	c->job->step.over = true;
}

static int capture_result(const struct job *j, const struct step_result *r, struct err *e)
{
	if (current_step_interrupted(&j->step))
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

static int run_in_box(struct job *j, const struct step_launch *l, struct err *e)
{
	j->step.over = false;
	if (step_box_launch(j->step.box, l, e) < 0)
		return -1;
	if (current_step_interrupted(&j->step)) /* it came while the box was made ready */
		step_box_kill(j->step.box);
	return loop_wait(j->loop, &j->step.over, MONO_NEVER, e);
}

/* In the box of the running step. */
static int capture(
	struct job *j, const char *script, const struct strv *env, struct buf *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct capture c = { .job = j, .out = ret };
	struct step_launch l = { .argv = &argv,
		.script = script,
		.script_len = strlen(script),
		.script_name = "step.sh",
		.env = env,
		.working_dir = BOX_WORKSPACE,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = &c };

	strv_split(&argv, "sh|bash,{0}", ',');
	return run_in_box(j, &l, e) < 0 ? -1 : capture_result(j, &c.result, e);
}

int box_capture(
	struct job *j, const char *script, const struct strv *env, struct buf *ret, struct err *e)
{
	int rc;

	boxes_take(j);
	rc = capture(j, script, env, ret, e);
	boxes_give_back(j, rc == 0);
	return rc;
}

int box_capture_beside(
	struct job *j, const char *script, const struct strv *env, struct buf *ret, struct err *e)
{
	int rc;

	j->step.box = step_box_prepare_beside(j->engine.boxes, "home");
	rc = capture(j, script, env, ret, e);
	step_box_free(TAKE(j->step.box));
	j->step.over = false; /* the step's own script is to come */
	return rc;
}
