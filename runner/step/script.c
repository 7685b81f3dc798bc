/*
 * A `run` step: its script goes into a prepared box, its output into the step's log. The exit
 * status decides, but an interrupt goes before it: a script that catches SIGTERM and exits with 0
 * was still cancelled. Commands in the output take effect while the step runs, add-mask above all.
 */
#include "runner/step/script.h"

#include "runner/step/boxes.h"
#include "runner/step/shell.h"

/* ---- commands in the output ---- */

static void on_add_mask(struct step_log *log, struct mask *mask, const struct command *c)
{
	bool is_short = false;
	struct err e = { 0 };

	if (mask_add(mask, c->value.ptr, c->value.len, &is_short, &e) < 0)
		commands_unmasked(&log->commands, e.text);
	else if (is_short)
		step_log_line(log, "[shithub] add-mask: the value is short, so only the value "
				   "itself is masked");
}

static void on_set_output(struct step_log *log, struct step_run *r, const struct command *c)
{
	CLEAN_STR char *key = xmemdup0(c->key.ptr, c->key.len);
	struct err e = { 0 };

	if (step_run_output(r, key, c->value, &e) < 0 && !r->outputs_full) {
		r->outputs_full = true;
		step_log_line(log, "[shithub] %s", e.text);
	}
}

static void on_command(void *data, const struct command *c)
{
	struct job *j = data;

	if (c->kind == COMMAND_ADD_MASK)
		on_add_mask(j->step.log, j->out.mask, c);
	else if (c->kind == COMMAND_SET_OUTPUT)
		on_set_output(j->step.log, &j->runs[j->step.index], c);
	else if (c->kind == COMMAND_DEPRECATED || c->kind == COMMAND_REFUSED)
		step_log_line(j->step.log, "[shithub] %.*s", (int)c->value.len, c->value.ptr);
}

/* ---- running ---- */

struct script_wait {
	struct job *job;
	struct step_result result;
};

static void on_output(void *data, const char *p, size_t n)
{
	struct script_wait *w = data;

	w->job->step.launched = true; /* an engine may answer the start after the first output */
	step_log_bytes(w->job->step.log, p, n);
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct script_wait *w = data;

	w->result = *r;
	step_log_output_end(w->job->step.log);
	w->job->step.over = true;
}

static int launch(struct job *j, const struct step_text *t, struct script_wait *w, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct step_launch l = { .argv = &argv,
		.script = t->script,
		.script_len = strlen(t->script),
		.env = &t->env,
		.working_dir = t->working_directory ? t->working_directory : BOX_WORKSPACE,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = w };

	if (shell_read(j->spec->steps.v[j->step.index].shell, &argv, &l.script_name, e) < 0)
		return -1;
	return step_box_launch(j->step.box, &l, e);
}

static void explain_end(struct step_log *log, const struct step_result *r)
{
	if (r->end == STEP_EXITED)
		step_log_line(log, "[shithub] exit code %d", r->code);
	else if (r->end == STEP_SIGNALED)
		step_log_line(log, "[shithub] killed by signal %d", r->code);
	else if (r->infra.class != ERR_NONE)
		step_log_line(log, "[shithub] error: infrastructure: %s", r->infra.text);
	else if (!r->oom)
		step_log_line(log, "[shithub] error: the step's container ended without a status");
}

static enum outcome script_outcome(struct job *j, const struct step_result *r)
{
	char limit[SIZE_TEXT_MAX];

	if (r->output_lost)
		step_log_line(j->step.log,
			"[shithub] the engine's output stream broke off; part of "
			"what the step wrote may be missing");
	if (r->output_cut)
		step_log_line(j->step.log,
			"[shithub] a background process still held the output open; %s",
			j->config->engine.isolation == ISOLATION_JOB ? "what it writes is dropped"
								     : "it was ended");
	if (r->left_ended)
		step_log_line(j->step.log,
			"[shithub] background processes of this step were ended with it: each step "
			"has a container of its own");
	if (current_step_interrupted(&j->step))
		return interrupt_outcome(j->step.interrupt);
	bool good = r->end == STEP_EXITED && r->code == 0;
	if (!good)
		explain_end(j->step.log, r);
	/* the last word; also of a step that got over the loss of a process */
	if (r->oom)
		step_log_line(j->step.log, "[shithub] killed: out of memory, limit %s",
			size_format(j->config->engine.memory, limit));
	return good ? OUTCOME_SUCCESS : OUTCOME_FAILURE;
}

enum outcome step_script(struct job *j, const struct step_text *t)
{
	struct script_wait w = { .job = j };
	struct err e = { 0 };
	enum outcome o;

	step_log_on_command(j->step.log, on_command, j);
	boxes_take(j);
	if (launch(j, t, &w, &e) < 0) {
		boxes_give_back(j, false);
		if (!err_is(&e, ERR_INPUT)) /* the author's */
			err_wrap(&e, "infrastructure");
		return step_fails(j, &e);
	}
	j->step.launched = true;
	if (j->config->engine.isolation == ISOLATION_STEP)
		boxes_prepare(j, j->step.index + 1);
	if (current_step_interrupted(&j->step) && !j->step.asked) /* while the box was made ready */
		step_box_kill(j->step.box);
	if (loop_wait(j->loop, &j->step.over, MONO_NEVER, &e) < 0)
		BUG("waiting for a step: %s", e.text);
	o = script_outcome(j, &w.result);
	boxes_give_back(j, true);
	return o;
}
