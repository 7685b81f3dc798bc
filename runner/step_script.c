/* A `run` step: its script goes into a prepared box, its output into the step's log. */
#include "runner/step_kinds.h"

#include "runner/step_files.h"

/* ---- shells ---- */

/* What `shell:` may name; anything else is a template that must contain {0}. */
static const struct {
	const char *name, *argv, *file;
} shells[] = {
	{ "bash", "bash,--noprofile,--norc,-e,-o,pipefail,{0}", "step.sh" },
	{ "sh", "sh,-e,{0}", "step.sh" },
	{ "python", "python3,{0}", "step.py" },
};

static int shell_argv(const char *shell, struct strv *ret, const char **ret_file, struct err *e)
{
	if (str_empty(shell))
		shell = "bash";
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		if (!str_eq(shell, shells[i].name))
			continue;
		strv_split(ret, shells[i].argv, ',');
		*ret_file = shells[i].file;
		return 0;
	}
	if (!strstr(shell, "{0}"))
		return err_set(e, ERR_INPUT,
			"shell: \"%s\" is unknown, expected bash, sh, python or a command line "
			"with {0}",
			shell);
	strv_split(ret, shell, ' ');
	*ret_file = "step";
	return 0;
}

/* ---- boxes ---- */

/* A box of its own for each step, or the same one again (isolation = job). */
static struct step_box **box_place(struct job *j)
{
	return &j->runs[j->config->engine.isolation == ISOLATION_JOB ? 0 : j->index].box;
}

static void give_back(struct job *j)
{
	struct step_box *box = TAKE(j->box);

	if (j->config->engine.isolation == ISOLATION_JOB && j->interrupt == INTERRUPT_NONE)
		*box_place(j) = box;
	else
		step_box_free(box);
}

/* ---- commands in the output ---- */

static void on_add_mask(struct job *j, const struct command *c)
{
	bool is_short = false;
	struct err e = { 0 };

	if (mask_add(j->mask, c->value.ptr, c->value.len, &is_short, &e) < 0)
		commands_unmasked(&j->log->commands, e.text);
	else if (is_short)
		step_log_line(j->log, "[shithub] add-mask: the value is short, so only the value "
				      "itself is masked");
}

static void on_set_output(struct job *j, const struct command *c)
{
	CLEAN_STR char *key = xmemdup0(c->key.ptr, c->key.len);
	struct err e = { 0 };

	if (step_output_set(j, key, c->value, &e) < 0 && !j->runs[j->index].outputs_full) {
		j->runs[j->index].outputs_full = true;
		step_log_line(j->log, "[shithub] %s", e.text);
	}
}

static void on_command(void *data, const struct command *c)
{
	struct job *j = data;

	if (c->kind == COMMAND_ADD_MASK)
		on_add_mask(j, c);
	else if (c->kind == COMMAND_SET_OUTPUT)
		on_set_output(j, c);
	else if (c->kind == COMMAND_DEPRECATED || c->kind == COMMAND_REFUSED)
		step_log_line(j->log, "[shithub] %.*s", (int)c->value.len, c->value.ptr);
}

/* ---- running ---- */

struct script_wait {
	struct job *job;
	struct step_result result;
};

static void on_output(void *data, const char *p, size_t n)
{
	struct script_wait *w = data;

	step_log_bytes(w->job->log, p, n);
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct script_wait *w = data;

	w->result = *r;
	step_log_output_end(w->job->log);
	w->job->step_over = true;
}

static int launch(struct job *j, const struct step_text *t, struct script_wait *w, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_STR char *dir = t->working_directory
				      ? xasprintf("%s/%s", BOX_WORKSPACE, t->working_directory)
				      : xstrdup(BOX_WORKSPACE);
	struct step_launch l = { .argv = &argv,
		.script = t->script,
		.script_len = strlen(t->script),
		.env = &t->env,
		.working_dir = dir,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = w };

	if (shell_argv(j->spec->steps.v[j->index].shell, &argv, &l.script_name, e) < 0)
		return -1;
	return step_box_launch(j->box, &l, e);
}

static void explain(struct job *j, const struct step_result *r)
{
	if (r->end == STEP_EXITED)
		step_log_line(j->log, "[shithub] exit code %d", r->code);
	else if (r->end == STEP_SIGNALED)
		step_log_line(j->log, "[shithub] killed by signal %d", r->code);
	else if (r->infra.class != ERR_NONE)
		step_log_line(j->log, "[shithub] error: infrastructure: %s", r->infra.text);
	else if (!r->oom)
		step_log_line(
			j->log, "[shithub] error: the step's container ended without a status");
}

static enum outcome judge(struct job *j, const struct step_result *r)
{
	char limit[SIZE_TEXT_MAX];

	if (r->output_lost)
		step_log_line(j->log, "[shithub] the engine's output stream broke off; part of "
				      "what the step wrote may be missing");
	if (r->output_cut)
		step_log_line(j->log,
			"[shithub] a background process still held the output open; %s",
			j->config->engine.isolation == ISOLATION_JOB ? "what it writes is dropped"
								     : "it was ended");
	if (j->interrupt != INTERRUPT_NONE)
		return step_interrupted(j);
	bool good = r->end == STEP_EXITED && r->code == 0;
	if (!good)
		explain(j, r);
	/* the last word; also of a step that got over the loss of a process */
	if (r->oom)
		step_log_line(j->log, "[shithub] killed: out of memory, limit %s",
			size_format(j->config->engine.memory, limit));
	return good ? OUTCOME_SUCCESS : OUTCOME_FAILURE;
}

enum outcome step_script(struct job *j, const struct step_text *t)
{
	struct script_wait w = { .job = j };
	struct err e = { 0 };
	enum outcome o;

	job_prepare_boxes(j, j->index);
	step_log_on_command(j->log, on_command, j);
	j->box = TAKE(*box_place(j));
	if (!j->box)
		BUG("no box for step %zu", j->index);
	if (launch(j, t, &w, &e) < 0) {
		step_box_free(TAKE(j->box));
		if (!err_is(&e, ERR_INPUT)) /* the author's */
			err_wrap(&e, "infrastructure");
		return step_fails(j, &e);
	}
	j->launched = true;
	if (j->config->engine.isolation == ISOLATION_STEP)
		job_prepare_boxes(j, j->index + 1);
	if (j->interrupt != INTERRUPT_NONE) /* it came while the box was made ready */
		step_box_kill(j->box);
	if (loop_wait(j->loop, &j->step_over, MONO_NEVER, &e) < 0)
		BUG("waiting for a step: %s", e.text);
	o = judge(j, &w.result);
	give_back(j);
	return o;
}
