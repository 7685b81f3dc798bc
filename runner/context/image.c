/*
 * A pull is the one long thing that a job does before its first step, and it must stay
 * interruptible: every wait here is short or watches step.over. Jobs that want the same image queue
 * at a lock file. Its holder writes down when the pull ended, so that a job that waited can tell
 * "pulled while I waited" from "the holder gave up".
 */
#include "runner/context/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/backoff.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/registry_auth.h"
#include "runner/context/job.h"

enum { TRIES = 3, STAMP_MAX = 32 };
#define FIRST_PAUSE_US (1 * USEC_PER_SEC)
#define LONGEST_PAUSE_US (10 * USEC_PER_SEC)
#define LOCK_LOOK_US (200 * USEC_PER_MSEC)
#define PROGRESS_US (500 * USEC_PER_MSEC)
#define PROGRESS_LINE_US (5 * USEC_PER_SEC)

struct pull_run {
	struct job *job;
	const char *name; /* as configured */
	struct image_ref ref;
	struct registry_auth auth;
	struct image_pull *pull;
	struct mono began, deadline, next_line;
	struct pull_progress reported;
	int lock;
	bool over;   /* the pull ended */
	bool shared; /* another job pulled it while we waited */
};

/* ---- which one it is ---- */

static const char *wanted_image(const struct job *j)
{
	return j->config->engine.default_image;
}

static char *image_line(const struct job *j)
{
	return xasprintf(
		"[shithub] image %s (%s)", wanted_image(j), image_digest(&j->engine.image));
}

static void log_image(const struct job *j)
{
	log_info("job", "image", F_STR("image", wanted_image(j)), F_STR("id", j->engine.image.id),
		F_STR("digest", j->engine.image.digest ? j->engine.image.digest : ""));
}

void job_engine_release(struct job_engine *g)
{
	box_job_close(TAKE(g->boxes));
	engine_free(TAKE(g->client));
	image_release(&g->image);
	free(g->seccomp);
	free(g->gate_path);
}

int job_image_check(struct job *j, struct err *e)
{
	enum pull_policy policy = j->config->engine.pull;

	if (image_allowed(&j->config->engine.allowed_images, wanted_image(j), e) < 0)
		return -1;
	if (policy == PULL_ALWAYS) {
		j->engine.image_wanted = true;
		return 0;
	}
	if (engine_image_inspect(j->engine.client, wanted_image(j), &j->engine.image, e) == 0) {
		CLEAN_STR char *line = image_line(j);

		log_image(j);
		j->engine.image_reported = report_note(j->out.report, line);
		return 0;
	}
	if (policy == PULL_NEVER || !err_is(e, ERR_NOT_FOUND))
		return -1;
	err_clear(e);
	j->engine.image_wanted = true;
	return 0;
}

/* A script's log holds what the script wrote and nothing else, byte for byte; an action's log is
 * the runner's own words anyway. */
static void log_pinned(struct job *j)
{
	CLEAN_STR char *line = NULL;

	if (j->engine.image_reported || !j->engine.image.id ||
		str_empty(j->spec->steps.v[j->step.index].uses))
		return;
	line = image_line(j);
	step_log_line(j->step.log, "%s", line);
	j->engine.image_reported = true;
}

/* ---- waiting ---- */

static int late(const struct pull_run *r, struct err *e)
{
	char limit[DURATION_TEXT_MAX];

	return err_set(e, ERR_TIMEOUT,
		"image %s: not here within %s (engine.pull_timeout), %zu of %zu layers were",
		r->name, duration_format(r->job->config->engine.pull_timeout_us, limit),
		r->reported.layers, r->reported.of_layers);
}

/* For at most us, less when *flag is set. -1: interrupted, or the time for pulls is up. */
static int wait_for(struct pull_run *r, const bool *flag, int64_t us, struct err *e)
{
	struct job *j = r->job;
	struct mono now = mono_now(), until = mono_add(now, us);
	struct err timeout = { 0 };

	if (now.us >= r->deadline.us)
		return late(r, e);
	if (loop_wait(j->loop, flag, until.us < r->deadline.us ? until : r->deadline, &timeout) <
			0 &&
		!err_is(&timeout, ERR_TIMEOUT)) {
		*e = timeout;
		return -1;
	}
	return !current_step_interrupted(&j->step)
		       ? 0
		       : err_set(e, ERR_CANCELLED, "image %s: pull interrupted", r->name);
}

/* ---- one at a time ---- */

static int open_lock(struct pull_run *r, struct err *e)
{
	CLEAN_STR char *folder = path_join(r->job->place.state.path, "pulls");
	CLEAN_STR char *text = image_ref_text(&r->ref);
	unsigned char hash[SHA256_LEN];
	char hex[33];

	sha256(text, strlen(text), hash);
	hex_encode(hash, sizeof(hex) / 2, hex);
	CLEAN_STR char *path = path_join(folder, hex);
	if (dir_ensure(folder, 0700, e) < 0)
		return -1;
	r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return r->lock < 0 ? err_set_errno(e, errno, "%s", path) : 0;
}

/* When the last pull that went well ended, in the clock of this boot; 0: unknown. */
static int64_t last_pull(const struct pull_run *r)
{
	char text[STAMP_MAX + 1] = "";
	int64_t us;

	if (pread(r->lock, text, STAMP_MAX, 0) < 0 || !parse_i64(text, 1, INT64_MAX, &us))
		return 0;
	return us;
}

static void stamp(const struct pull_run *r)
{
	char text[STAMP_MAX];
	int n = snprintf(text, sizeof(text), "%" PRId64, mono_now().us);

	/* only saves others a second pull */
	if (ftruncate(r->lock, 0) < 0 || pwrite(r->lock, text, (size_t)n, 0) != n)
		log_debug("job", "pull_not_stamped", F_STR("image", r->name));
}

static int take_lock(struct pull_run *r, struct err *e)
{
	bool waited = false;
	const bool never = false;

	if (open_lock(r, e) < 0)
		return -1;
	while (flock(r->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_set_errno(e, errno, "lock of image %s", r->name);
		if (!waited)
			step_log_line(
				r->job->step.log, "[shithub] another job is pulling %s", r->name);
		waited = true;
		if (wait_for(r, &never, LOCK_LOOK_US, e) < 0)
			return -1;
	}
	int64_t pulled = waited ? last_pull(r) : 0;
	r->shared = pulled >= r->began.us && pulled <= mono_now().us;
	return 0;
}

/* ---- one pull ---- */

static double megabytes(int64_t bytes)
{
	return (double)bytes / 1e6;
}

static void show_progress(struct pull_run *r)
{
	struct pull_progress p = image_pull_progress(r->pull);
	CLEAN_STR char *bytes = NULL, *line = NULL;
	struct mono now = mono_now();

	if (p.of_layers == 0 || memcmp(&p, &r->reported, sizeof(p)) == 0)
		return;
	if (p.of_bytes)
		bytes = xasprintf(", %.1f of %.1f MB", megabytes(p.bytes), megabytes(p.of_bytes));
	line = xasprintf("[shithub] pulling %s: %zu of %zu layers%s", r->name, p.layers,
		p.of_layers, bytes ? bytes : "");
	if (!report_progress(r->job->out.report, line)) {
		if (now.us < r->next_line.us)
			return;
		step_log_line(r->job->step.log, "%s", line);
		r->next_line = mono_add(now, PROGRESS_LINE_US);
	}
	r->reported = p;
}

static void on_pulled(void *data)
{
	struct pull_run *r = data;

	r->over = r->job->step.over = true;
}

static int pull_once(struct pull_run *r, struct err *e)
{
	struct job *j = r->job;
	CLEAN_SECRET char *header = registry_auth_header(&r->auth, &r->ref);
	int rc = 0;

	if (header)
		log_redact(header);
	r->over = j->step.over = false;
	r->pull = image_pull_start(j->engine.client, &r->ref, header, on_pulled, r, e);
	if (!r->pull)
		return -1;
	while (rc == 0 && !r->over) {
		rc = wait_for(r, &j->step.over, PROGRESS_US, e);
		if (rc == 0 && !r->over)
			show_progress(r);
	}
	if (rc == 0)
		rc = image_pull_result(r->pull, e);
	r->reported = image_pull_progress(r->pull);
	image_pull_free(TAKE(r->pull));
	return rc;
}

static int unreachable(const struct pull_run *r, struct err *e)
{
	CLEAN_STR char *why = xstrdup(e->text);

	return err_set(e, ERR_NET,
		"%s; check that the engine's host reaches %s, or load the image into the engine "
		"and "
		"set engine.pull = \"never\"",
		why, r->ref.registry);
}

static int pull_tries(struct pull_run *r, struct err *e)
{
	const bool never = false;
	struct backoff pause;

	backoff_init(&pause, FIRST_PAUSE_US, LONGEST_PAUSE_US);
	for (int try = 1; pull_once(r, e) < 0; try++) {
		if (err_is(e, ERR_NET) && try == TRIES)
			return unreachable(r, e);
		if (!err_is(e, ERR_NET))
			return -1;
		int64_t us = backoff_next(&pause, mono_now(), -1);
		step_log_line(r->job->step.log, "[shithub] %s; try %d of %d in %.1f s", e->text,
			try + 1, TRIES, (double)us / USEC_PER_SEC);
		err_clear(e);
		r->job->step.over = false;
		if (wait_for(r, &never, us, e) < 0)
			return -1;
	}
	return 0;
}

/* The log of the step must not show it, not even in the engine's words. */
static int hide_credential(struct mask *m, const char *secret, struct err *e)
{
	if (str_empty(secret))
		return 0;
	log_redact(secret);
	return mask_add(m, secret, strlen(secret), NULL, e) < 0 ? err_wrap(e, "registry credential")
								: 0;
}

static int find_auth(struct pull_run *r, struct err *e)
{
	struct job *j = r->job;

	if (registry_auth_find(
		    j->loop, j->config->engine.registry_auth_file, &r->ref, &r->auth, e) < 0)
		return -1;
	if (hide_credential(j->out.mask, r->auth.password, e) < 0 ||
		hide_credential(j->out.mask, r->auth.identity_token, e) < 0)
		return -1;
	if (r->auth.source)
		log_debug("job", "registry_credentials", F_STR("registry", r->ref.registry),
			F_STR("source", r->auth.source));
	return 0;
}

/* ---- all of it ---- */

static void log_pulled(struct pull_run *r)
{
	struct job *j = r->job;
	double took = (double)mono_diff(mono_now(), r->began) / USEC_PER_SEC;

	step_log_line(j->step.log, "[shithub] image %s%s%s (%.0f MB) in %.1f s", r->name,
		r->ref.digest ? "" : "@", r->ref.digest ? "" : image_digest(&j->engine.image),
		megabytes(j->engine.image.size), took);
	j->engine.image_reported = true;
}

static int pull_alone(struct pull_run *r, struct err *e)
{
	struct job *j = r->job;
	bool missing = j->config->engine.pull == PULL_MISSING;

	/* it may have come by any way since the set-up */
	r->shared = r->shared || (missing && engine_image_inspect(j->engine.client, r->name,
						     &j->engine.image, e) == 0);
	err_clear(e);
	if (!r->shared) {
		step_log_line(j->step.log, "[shithub] pulling %s", r->name);
		if (find_auth(r, e) < 0 || pull_tries(r, e) < 0)
			return -1;
		stamp(r);
	}
	if (!j->engine.image.id &&
		engine_image_inspect(j->engine.client, r->name, &j->engine.image, e) < 0)
		return -1;
	report_progress(j->out.report, NULL);
	log_pulled(r);
	log_image(j);
	return 0;
}

static void run_release(struct pull_run *r)
{
	image_ref_release(&r->ref);
	registry_auth_release(&r->auth);
	close_fdp(&r->lock); /* gives the lock up */
}

static int pull(struct job *j, struct err *e)
{
	CLEANUP(run_release) struct pull_run r = { .job = j, .name = wanted_image(j), .lock = -1 };

	r.began = mono_now();
	r.deadline = mono_add(r.began, j->config->engine.pull_timeout_us);
	r.next_line = mono_add(r.began, PROGRESS_LINE_US);
	if (image_ref_parse(r.name, &r.ref, e) == 0 && take_lock(&r, e) == 0 &&
		pull_alone(&r, e) == 0)
		return 0;
	report_progress(j->out.report, NULL);
	return strstr(e->text, r.name) ? -1 : err_wrap(e, "image %s", r.name);
}

/* Of the job and of its running step, unless the job was ended meanwhile. */
static void restart_clocks(struct job *j)
{
	if (j->state.cause != CAUSE_NONE)
		return;
	job_timers_start(&j->timers, j->spec->timeout_minutes);
	job_timers_start_step(&j->timers, j->spec->steps.v[j->step.index].timeout_minutes);
}

int job_image_ready(struct job *j, struct err *e)
{
	int rc;

	if (!j->engine.image_wanted) {
		log_pinned(j);
		return 0;
	}
	if (j->state.cause == CAUSE_NONE)
		job_timers_pause(&j->timers);
	j->step.acting = true;
	rc = pull(j, e);
	j->step.acting = j->step.over = false;
	restart_clocks(j);
	if (rc < 0)
		return -1;
	j->engine.image_wanted = false;
	return 0;
}
