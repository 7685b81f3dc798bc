/*
 * A log is read in rounds: what each chosen step has that was not shown yet. Without --follow one
 * round shows everything; with it rounds go on until the run or job is over and a last one found
 * nothing new. Jobs run side by side, so a title says whose bytes come next, as tail does it. A
 * terminal gets only what cannot steer it; a file or pipe gets the bytes as stored.
 */
#include "coordinator/admin/run_log.h"

#include <inttypes.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/terminal/text.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/live.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"

enum { ROUND_MS = 300, BLOCK = KIB(16) };

struct log_options {
	int64_t run;      /* 0: that of the job */
	const char *job;  /* id, key or name; NULL: all */
	const char *step; /* index, id or name; NULL: all */
	bool follow;
};

struct step_seen {
	int64_t step_id;
	struct stored_step log;
};
struct reader {
	struct admin *a;
	struct objects *objects;
	const struct log_options *o;
	int64_t run_id, job_id; /* job_id 0: all that the option names */
	bool titled;
	struct step_seen *seen;
	size_t n_seen;
	int64_t shown;  /* step whose bytes came last, 0: none */
	bool line_open; /* the last byte was no newline */
	bool terminal;
	struct terminal_text text;
	bool ended;                 /* what is followed */
	enum conclusion conclusion; /* likewise */
	size_t fresh;               /* bytes of this round */
};

enum exit_code exit_of_conclusion(enum conclusion c)
{
	return c == CONCLUSION_SUCCESS || c == CONCLUSION_SKIPPED || c == CONCLUSION_NEUTRAL
		       ? EXIT_OK
		       : EXIT_FINDINGS;
}

/* ---- out ---- */

static int put(struct reader *r, const char *p, size_t n, struct err *e)
{
	CLEAN_BUF struct buf shown = BUF_INIT(4 * BLOCK + KIB(1));

	if (n == 0)
		return 0;
	r->line_open = p[n - 1] != '\n';
	if (!r->terminal)
		return fd_write_all(STDOUT_FILENO, p, n, e);
	terminal_text_feed(&r->text, p, n, &shown);
	return fd_write_all(STDOUT_FILENO, buf_cstr(&shown), shown.len, e);
}

static int put_title(
	struct reader *r, const struct job_row *job, const struct step_row *step, struct err *e)
{
	CLEAN_STR char *job_name = text_printable(job->name);
	CLEAN_STR char *name = terminal_step_name(step->name, step->run, step->uses);
	bool color = r->a->style.color;
	CLEAN_STR char *title = xasprintf("%s%s==> job %" PRId64 " %s, step %" PRId64 " %s <==%s\n",
		r->line_open ? "\n" : "", color ? TERMINAL_COLOR_BOLD : "", job->id, job_name,
		step->index, name, color ? TERMINAL_COLOR_OFF : "");

	r->line_open = false;
	return fd_write_all(STDOUT_FILENO, title, strlen(title), e);
}

/* What a step left switched on must not colour the prompt. */
static int put_end(struct reader *r, struct err *e)
{
	CLEAN_BUF struct buf rest = BUF_INIT(KIB(1));

	if (!r->terminal)
		return 0;
	terminal_text_end(&r->text, &rest);
	buf_adds(&rest, r->shown ? TERMINAL_COLOR_OFF : "");
	buf_adds(&rest, r->line_open ? "\n" : "");
	return fd_write_all(STDOUT_FILENO, buf_cstr(&rest), rest.len, e);
}

/* ---- one round ---- */

static struct stored_step *log_of(
	struct reader *r, const struct job_row *job, const struct step_row *step)
{
	for (size_t i = 0; i < r->n_seen; i++)
		if (r->seen[i].step_id == step->id)
			return &r->seen[i].log;
	r->seen = xrealloc(r->seen, (r->n_seen + 1) * sizeof(*r->seen));
	r->seen[r->n_seen].step_id = step->id;
	stored_step_init(&r->seen[r->n_seen].log, r->a->store, r->objects, job->source_run_id);
	return &r->seen[r->n_seen++].log;
}

static int step_round(
	struct reader *r, const struct job_row *job, const struct step_row *step, struct err *e)
{
	struct stored_step *l = log_of(r, job, step);
	char block[BLOCK];
	ssize_t n;

	if (stored_step_follow(l, step, job->returns))
		r->shown = 0; /* what comes now deserves a title of its own */
	while ((n = stored_step_read(l, step, block, sizeof(block), e)) > 0) {
		if (r->titled && r->shown != step->id && put_title(r, job, step, e) < 0)
			return -1;
		r->shown = step->id;
		r->fresh += (size_t)n;
		if (put(r, block, (size_t)n, e) < 0)
			return -1;
	}
	return (int)n;
}

static bool step_chosen(const struct step_row *s, const char *text)
{
	int64_t index;

	if (!text)
		return true;
	if (parse_i64(text, 0, INT64_MAX, &index) && s->index == index)
		return true;
	CLEAN_STR char *name = terminal_step_name(s->name, s->run, s->uses);
	return str_eq(s->name, text) || str_eq(s->step_id, text) || str_eq(name, text);
}

static int job_round(struct reader *r, const struct job_row *job, size_t *ret_steps, struct err *e)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	if (store_step_list(r->a->store, job->source_id, &steps, e) < 0)
		return -1;
	for (size_t i = 0; i < steps.n; i++) {
		if (!step_chosen(&steps.v[i], r->o->step))
			continue;
		++*ret_steps;
		if (step_round(r, job, &steps.v[i], e) < 0)
			return -1;
	}
	return 0;
}

static bool job_chosen(const struct reader *r, const struct job_row *job)
{
	if (r->job_id)
		return job->id == r->job_id;
	return !r->o->job || str_eq(job->key, r->o->job) || str_eq(job->name, r->o->job);
}

/* The states come first: what was written before an end is then there to be read. */
static int state_round(struct reader *r, const struct job_list *jobs, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	size_t chosen = 0;

	r->ended = true;
	r->conclusion = CONCLUSION_NONE;
	for (size_t i = 0; i < jobs->n; i++) {
		if (!job_chosen(r, &jobs->v[i]))
			continue;
		chosen++;
		r->ended = r->ended && status_terminal(jobs->v[i].state.status);
		r->conclusion = conclusion_worse(r->conclusion, jobs->v[i].state.conclusion);
	}
	r->titled = !r->o->job || chosen > 1;
	if (r->o->job)
		return chosen ? 0
			      : err_set(e, ERR_NOT_FOUND, "run %" PRId64 " has no job \"%.100s\"",
					r->run_id, r->o->job);
	if (store_run_get(r->a->store, r->run_id, &run, e) < 0)
		return -1;
	r->ended = status_terminal(run.state.status);
	r->conclusion = run.state.conclusion;
	return 0;
}

static int log_round(struct reader *r, struct err *e)
{
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	size_t steps = 0;

	r->fresh = 0;
	if (store_job_list(r->a->store, r->run_id, &jobs, e) < 0 || state_round(r, &jobs, e) < 0)
		return -1;
	for (size_t i = 0; i < jobs.n; i++)
		if (job_chosen(r, &jobs.v[i]) && job_round(r, &jobs.v[i], &steps, e) < 0)
			return -1;
	if (r->o->step && !steps && jobs.n)
		return err_set(e, ERR_NOT_FOUND,
			"no step \"%.100s\" in it, expected an index from 0 or a name", r->o->step);
	return 0;
}

/* ---- the verb ---- */

static int follow(struct reader *r, struct err *e)
{
	struct live l;
	bool over = false;

	if (live_begin(&l, e) < 0)
		return -1;
	int rc = 0;
	while (rc == 0 && !over) {
		rc = log_round(r, e);
		over = rc < 0 || (r->ended && r->fresh == 0) || !live_wait(&l, ROUND_MS);
	}
	if (rc == 0)
		rc = put_end(r, e);
	live_end(&l);
	return rc;
}

/* --job alone is an id: its run follows from it. */
static int choose(struct reader *r, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	int64_t id = 0;
	bool number = r->o->job && parse_i64(r->o->job, 1, INT64_MAX, &id);

	r->run_id = r->o->run;
	if (!number)
		return 0;
	if (store_job_get(r->a->store, id, &job, e) < 0)
		return -1;
	if (r->run_id && job.run_id != r->run_id)
		return err_set(
			e, ERR_NOT_FOUND, "job %" PRId64 " is not of run %" PRId64, id, r->run_id);
	r->run_id = job.run_id;
	r->job_id = id;
	return 0;
}

static int print_log(struct admin *a, void *options, struct err *e)
{
	CLEAN_OBJECTS struct objects *objects = objects_open_published(a->data_dir, e);
	struct reader r = {
		.a = a, .objects = objects, .o = options, .terminal = isatty(STDOUT_FILENO)
	};
	int rc = objects ? choose(&r, e) : -1;

	if (rc == 0 && r.o->follow)
		rc = follow(&r, e);
	else if (rc == 0)
		rc = log_round(&r, e) < 0 ? -1 : put_end(&r, e);
	if (rc == 0 && r.o->follow)
		a->code = exit_of_conclusion(r.conclusion);
	for (size_t i = 0; i < r.n_seen; i++)
		stored_step_release(&r.seen[i].log);
	free(r.seen);
	return rc;
}

static int check_log(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct log_options *o = options;
	int64_t id;

	if (!o->run && !o->job)
		return err_set(e, ERR_INPUT, "expected a run, as in `run log 7`, or --job ID");
	if (!o->run && !parse_i64(o->job, 1, INT64_MAX, &id))
		return err_set(e, ERR_INPUT,
			"--job %.100s: expected a job's id, or a run before it", o->job);
	return 0;
}

int admin_run_log(int argc, char **argv)
{
	struct log_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "run", CLI_INT, &o.run, "ID", "the run", .min = 1, .max = INT64_MAX,
			.positional = true },
		{ "job", CLI_STRING, &o.job, "JOB",
			"one job: its id, or with a run its key or name (default: all)" },
		{ "step", CLI_STRING, &o.step, "STEP",
			"one step: its index from 0, its id or its name (default: all)" },
		{ "follow", CLI_BOOL, &o.follow, NULL, "go on until the run or job is over" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.text_only = true,
			.colored = true,
			.help = "With --follow, exit codes: 0 it succeeded or was skipped, 1 it "
				"did not, 2 usage.",
			.check = check_log,
			.work = print_log });
}
