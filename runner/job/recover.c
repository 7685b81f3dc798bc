/*
 * Everything here must also work when this process is killed and started again: containers are
 * removed by label, the session goes on from what stands on disk, and the outbox says what was
 * reported before, so nothing is reported twice. Containers come first, because a step must not go
 * on writing while its job is reported as over.
 */
#include "runner/job/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "runner/helper/orphans.h"
#include "runner/job/recover_plan.h"
#include "runner/ipc/role.h"
#include "runner/report/session.h"
#include "state/chain.h"

/* What a dead token is given to say so. */
#define LEAST_US (10 * USEC_PER_SEC)
#define ENGINE_PAUSE_US (1 * USEC_PER_SEC)

struct recover {
	const struct runner_config *config;
	int64_t job;
	const char *ended; /* NULL: with its supervisor */
	struct state_dir state;
	char *dir;
	struct loop *loop;
	struct http *http;
	struct mono deadline;
	struct journal journal;
	struct recover_plan plan;
	struct report *session;
	struct spool spool; /* a log that had to be begun here */
};

/* ---- containers ---- */

static int remove_containers(struct recover *r, struct err *e)
{
	const struct runner_config *c = r->config;
	struct engine *g = engine_open(r->loop, r->http, c->engine.kind, c->engine.socket, e);
	uint64_t removed = 0;
	int rc = g ? orphans_remove_job(g, r->state.instance_id, r->job, &removed, e) : -1;

	engine_free(g);
	return rc;
}

/* The workspace must not go while something may still write to it. */
static void wait_for_engine(struct recover *r, struct err *why)
{
	bool never = false;

	log_warn("recover", "containers_kept", F_ERR(why), F_STR("effect", "tried again"));
	do {
		struct err ignored = { 0 };
		struct mono next = mono_add(mono_now(), ENGINE_PAUSE_US);

		IGNORE_RESULT(loop_wait(r->loop, &never, next, &ignored), "ends by its deadline");
		err_clear(why);
	} while (remove_containers(r, why) < 0 && mono_diff(r->deadline, mono_now()) > 0);
	if (why->class != ERR_NONE)
		log_error("recover", "containers_kept", F_ERR(why),
			F_STR("effect", "the sweep of orphans goes on"));
}

/* ---- reports ---- */

static char *what_happened(const struct recover *r)
{
	bool ran = r->plan.bearer < r->plan.n && r->plan.v[r->plan.bearer].state == RECOVER_RAN;

	if (r->ended)
		return xasprintf("the job process ended unexpectedly (%s)", r->ended);
	return xasprintf(
		"runner restarted %s", ran ? "while this step ran" : "before this step could run");
}

static char *reason(const struct recover *r)
{
	CLEAN_STR char *what = what_happened(r);

	return xasprintf("[shithub] %s\n", what);
}

/* Behind what the step wrote, on a line of its own. */
static int append_reason(const struct recover *r, const char *file, struct err *e)
{
	CLEAN_STR char *path = path_join(r->dir, file), *line = reason(r);
	CLEAN_FD int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (end < 0 || (end > 0 && pread(fd, &last, 1, end - 1) != 1))
		return err_set_errno(e, errno, "spool %s", path);
	if (last != '\n' && fd_write_all(fd, "\n", 1, e) < 0)
		return -1;
	return fd_write_all(fd, line, strlen(line), e);
}

static void step_status(struct recover *r, int64_t id, const char *status, const char *conclusion)
{
	struct report_status st = { .status = status, .conclusion = conclusion };

	if (str_eq(status, "running"))
		st.started_at = wall_now();
	else if (!str_eq(status, "skipped"))
		st.completed_at = wall_now();
	report_step_status(r->session, id, &st);
}

/* A step without a log gets one with the reason in it. */
static void begin_log(struct recover *r, int64_t step, size_t index)
{
	CLEAN_STR char *path = xasprintf("%s/step-%zu.log", r->dir, index), *line = reason(r);
	struct err e = { 0 };

	if (spool_open(&r->spool, path, &e) < 0) {
		log_warn("recover", "step_log", F_ERR(&e));
		return;
	}
	if (spool_append(&r->spool, line, strlen(line), &e) < 0)
		spool_append_tail(&r->spool, line, strlen(line)); /* a full disk */
	spool_close(&r->spool);
	report_log(r->session, step, &r->spool);
}

static void report_rest(struct recover *r, bool reason_reported)
{
	const struct recover_plan *p = &r->plan;
	int64_t bearer = p->bearer < p->n ? p->v[p->bearer].id : 0;
	CLEAN_STR char *lost = p->lost ? what_happened(r) : NULL;

	if (p->bearer < p->n || p->n == 0) {
		if (p->n && p->v[p->bearer].state == RECOVER_NOT_STARTED)
			step_status(r, bearer, "running", NULL);
		if (!reason_reported)
			begin_log(r, bearer, p->bearer);
		step_status(r, bearer, p->step_status, p->step_conclusion);
	}
	for (size_t i = 0; i < p->n; i++)
		if (i != p->bearer && p->v[i].state == RECOVER_NOT_STARTED)
			step_status(r, p->v[i].id, "skipped", "skipped");
	report_job_status(r->session, &(struct report_status){ .status = p->status,
					      .conclusion = p->conclusion,
					      .lost = lost,
					      .completed_at = wall_now() });
}

static void on_cancel(void *data, const char *why, bool force)
{
	(void)data, (void)why, (void)force;
}

static void on_lost(void *data, const char *why)
{
	(void)data;
	log_error("recover", "token_chain_lost", F_STR("error", why),
		F_STR("effect", "the coordinator does not learn how this job ended"));
}

static int resume(struct recover *r, struct err *e)
{
	r->session = session_resume(&(struct session_spec){ .loop = r->loop,
					    .http = r->http,
					    .base_url = r->journal.base_url,
					    .job_id = r->job,
					    .cancel_poll_us = USEC_PER_SEC,
					    .on_cancel = on_cancel,
					    .on_lost = on_lost,
					    .data = r,
					    .dir = r->dir,
					    .steps = r->journal.steps.n },
		e);
	return r->session ? 0 : -1;
}

/* The line goes into the step's own spool before the session looks how long that is. */
static int report_job(struct recover *r, struct err *e)
{
	CLEANUP(outbox_list_release) struct outbox_list reports = { 0 };
	struct err ignored = { 0 };
	const struct recover_plan *p = &r->plan;
	bool reason_reported = false;

	if (outbox_read(r->dir, &reports, e) < 0)
		return -1;
	recover_plan_make(&r->journal, &reports, &r->plan);
	if (!p->decided && p->bearer < p->n && p->v[p->bearer].file)
		reason_reported = append_reason(r, p->v[p->bearer].file, &ignored) == 0;
	if (resume(r, e) < 0)
		return -1;
	if (report_final_accepted(r->session))
		return 0;
	if (!p->decided)
		report_rest(r, reason_reported);
	return report_flush(r->session, r->deadline, e);
}

static void report(struct recover *r)
{
	struct err e = { 0 };

	if (report_job(r, &e) == 0)
		log_info("recover", "job_reported",
			F_STR("conclusion", r->plan.decided ? "as it was" : r->plan.conclusion));
	else
		log_error("recover", "job_not_reported", F_ERR(&e));
}

/* ---- life ---- */

/* From when the chain was last used. */
static struct mono token_end(const struct recover *r)
{
	CLEAN_STR char *path = path_join(r->dir, "chain");
	struct stat st;
	int64_t left = LEAST_US;

	if (stat(path, &st) == 0)
		left = JOB_TOKEN_LIFE_US - (wall_now().us - st.st_mtim.tv_sec * USEC_PER_SEC);
	if (left < LEAST_US || left > JOB_TOKEN_LIFE_US)
		left = left < LEAST_US ? LEAST_US : JOB_TOKEN_LIFE_US;
	return mono_add(mono_now(), left);
}

static int setup(struct recover *r, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = r->config->server.ca_file };

	if (state_dir_join(&r->state, r->config->runner.state_dir, e) < 0)
		return -1;
	r->dir = state_dir_job_path(&r->state, r->job);
	r->deadline = token_end(r);
	if (journal_read(r->dir, &r->journal, e) < 0)
		return -1;
	r->loop = loop_new(e);
	r->http = r->loop ? http_new(r->loop, &http, e) : NULL;
	return r->http ? 0 : -1;
}

static void teardown(struct recover *r)
{
	report_free(r->session);
	spool_leave(&r->spool);
	recover_plan_release(&r->plan);
	journal_release(&r->journal);
	if (r->http)
		http_free(r->http);
	loop_free(r->loop);
	free(r->dir);
	state_dir_release(&r->state);
}

static int live(struct recover *r)
{
	struct err e = { 0 };
	int rc = setup(r, &e);

	if (rc < 0) {
		log_error("recover", "cannot_begin", F_ERR(&e));
	} else {
		bool gone = remove_containers(r, &e) == 0;

		report(r);
		if (!gone)
			wait_for_engine(r, &e);
	}
	teardown(r);
	return rc < 0 ? EXIT_FINDINGS : EXIT_OK;
}

int recover_role_main(int argc, char **argv)
{
	struct recover r = { .state = STATE_DIR_INIT, .spool = SPOOL_INIT };
	const struct cli_flag flags[] = {
		{ "job", CLI_INT, &r.job, "N", "job id", 1, INT64_MAX, true },
		{ "ended", CLI_STRING, &r.ended, "TEXT", "how its process died" },
	};
	struct runner_config config = { 0 };
	int rc = role_begin(argc, argv, flags, ARRAY_LEN(flags), &config);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : -rc;
	r.config = &config;
	CLEAN_STR char *id = xasprintf("%" PRId64, r.job);
	log_context("job", id);
	rc = live(&r);
	runner_config_release(&config);
	return rc;
}
