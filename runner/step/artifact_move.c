/*
 * One movement at a time, so one struct and one wait serve all of them: whatever ends a movement,
 * an answer, a child, the last byte or an interrupt, sets step.over, and the main path then checks
 * what it was.
 */
#include "runner/step/artifact_move.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/backoff.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/http/reach.h"
#include "base/limits.h"
#include "runner/ipc/channel.h"

enum { TRIES = 4, BLOCK = 64 << 10 };
/* Whoever keeps objects may be away for some minutes; no job should fail for that. */
#define PATIENCE_US (3 * 60 * USEC_PER_SEC)
#define COPY_SLICE MIB(64)
#define STALL_US (60 * USEC_PER_SEC)
#define FIRST_PAUSE_US (1 * USEC_PER_SEC)
#define LONGEST_PAUSE_US (15 * USEC_PER_SEC)

/* ---- the spool ---- */

int move_open(struct artifact_move *m, struct job *j, struct err *e)
{
	CLEAN_STR char *path = path_join(j->place.dir, "artifact-XXXXXX");

	*m = (struct artifact_move){
		.job = j, .pipe = -1, .limit = j->config->runner.artifact_limit
	};
	m->spool = mkostemp(path, O_CLOEXEC);
	if (m->spool < 0)
		return err_set_errno(e, errno, "file for the artifact");
	unlink(path);
	return 0;
}

static void end_pipe(struct artifact_move *m)
{
	loop_source_unref(&m->pipe_watch);
	close_fdp(&m->pipe);
}

void move_release(struct artifact_move *m)
{
	if (!m->job)
		return;
	artifact_free(TAKE(m->child));
	end_pipe(m);
	loop_source_unref(&m->pause);
	sha256_end(TAKE(m->hash), NULL);
	close_fdp(&m->spool);
}

static int spool_restart(struct artifact_move *m, struct err *e)
{
	sha256_end(TAKE(m->hash), NULL);
	m->hash = sha256_begin();
	m->size = 0;
	if (ftruncate(m->spool, 0) < 0 || lseek(m->spool, 0, SEEK_SET) < 0)
		return err_set_errno(e, errno, "file for the artifact");
	return 0;
}

static int spool_add(struct artifact_move *m, const char *p, size_t n, struct err *e)
{
	if (n > m->limit - m->size)
		return err_set(e, ERR_LIMIT, "the artifact is larger than %" PRIu64 " bytes packed",
			m->limit);
	if (fd_write_all(m->spool, p, n, e) < 0)
		return err_wrap(e, "file for the artifact");
	sha256_more(m->hash, p, n);
	m->size += n;
	return 0;
}

static void spool_finish(struct artifact_move *m)
{
	unsigned char sha[SHA256_LEN];

	sha256_end(TAKE(m->hash), sha);
	hex_encode(sha, sizeof(sha), m->digest);
}

/* ---- children ---- */

static void on_line(void *data, const char *line)
{
	struct artifact_move *m = data;

	step_log_line(m->job->step.log, "[shithub] %s", line);
}

/* Over when both the child's result and all of its bytes are here. */
static void check_child_over(struct artifact_move *m)
{
	if ((m->child_over && m->pipe < 0) || m->error.class != ERR_NONE)
		m->job->step.over = true;
}

static void on_result(void *data, const struct artifact_result *r)
{
	struct artifact_move *m = data;

	m->result = *r;
	m->child_over = true;
	if (!r->ok)
		end_pipe(m);
	check_child_over(m);
}

static void on_pipe(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct artifact_move *m = data;
	char block[BLOCK];
	ssize_t n = read(fd, block, sizeof(block));

	(void)s, (void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		err_set_errno(&m->error, errno, "read the archive");
	else if (n > 0 && spool_add(m, block, (size_t)n, &m->error) == 0)
		return;
	end_pipe(m);
	check_child_over(m);
}

static int run_child(
	struct artifact_move *m, int archive, const struct artifact_request *r, struct err *e)
{
	struct job *j = m->job;
	int sock = channel_start_role(j->out.channel, "artifact", e);

	if (sock < 0)
		return -1;
	j->step.over = m->child_over = false;
	err_clear(&m->error);
	m->child = artifact_start(j->loop, sock, archive, r, on_line, on_result, m, e);
	return m->child ? 0 : -1;
}

static int end_child(struct artifact_move *m, struct err *e)
{
	int rc = current_step_wait(&m->job->step, m->job->loop, e);

	artifact_free(TAKE(m->child));
	end_pipe(m);
	if (rc < 0)
		return -1;
	if (m->error.class == ERR_NONE && m->result.ok)
		return 0;
	*e = m->error.class != ERR_NONE ? m->error : m->result.error;
	return -1;
}

int move_pack(struct artifact_move *m, const struct artifact_request *r, struct err *e)
{
	int ends[2], rc;

	if (spool_restart(m, e) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe for the archive");
	m->pipe = ends[0];
	rc = run_child(m, ends[1], r, e);
	close(ends[1]);
	if (rc == 0 && fcntl(m->pipe, F_SETFL, O_NONBLOCK) < 0)
		rc = err_set_errno(e, errno, "pipe for the archive");
	if (rc < 0)
		return -1;
	m->pipe_watch = loop_io(m->job->loop, m->pipe, EPOLLIN, on_pipe, m);
	if (end_child(m, e) < 0)
		return -1;
	spool_finish(m);
	return 0;
}

int move_unpack(struct artifact_move *m, const struct artifact_request *r, struct err *e)
{
	CLEAN_STR char *path = xasprintf("/proc/self/fd/%d", m->spool);
	/* opened again: the child must not be able to write to it */
	CLEAN_FD int archive = open(path, O_RDONLY | O_CLOEXEC);

	if (archive < 0)
		return err_set_errno(e, errno, "open the archive again");
	if (run_child(m, archive, r, e) < 0)
		return -1;
	return end_child(m, e);
}

/* ---- the coordinator ---- */

static void on_answer(void *data, const struct json_value *answer, const struct err *why)
{
	struct artifact_move *m = data;

	m->asked_over = true;
	if (why)
		m->error = *why;
	else if (m->take(m->take_data, answer, &m->error) < 0)
		err_wrap(&m->error, "the coordinator's answer");
	m->job->step.over = true;
}

int move_ask(struct artifact_move *m, const char *path, const char *body,
	const struct strv *headers,
	int (*take)(void *data, const struct json_value *answer, struct err *e), void *data,
	struct err *e)
{
	struct report *r = m->job->out.report;

	m->job->step.over = m->asked_over = false;
	err_clear(&m->error);
	m->take = take;
	m->take_data = data;
	report_call(r, &(struct report_call){ .path = path,
			       .body = body,
			       .headers = headers,
			       .done = on_answer,
			       .data = m });
	int rc = current_step_wait(&m->job->step, m->job->loop, e);
	if (!m->asked_over)
		report_call_cancel(r, m);
	if (rc < 0)
		return -1;
	if (m->error.class == ERR_NONE)
		return 0;
	*e = m->error;
	return -1;
}

/* ---- objects ---- */

static void on_done(struct http_exchange *x, void *data)
{
	struct artifact_move *m = data;

	(void)x;
	m->job->step.over = true;
}

static void on_pause(struct loop_source *s, void *data)
{
	struct artifact_move *m = data;

	(void)s;
	m->job->step.over = true;
}

static int pause_for(struct artifact_move *m, int64_t us, struct err *e)
{
	m->job->step.over = false;
	m->pause = loop_timer(m->job->loop, mono_add(mono_now(), us), on_pause, m);
	int rc = current_step_wait(&m->job->step, m->job->loop, e);
	loop_source_unref(&m->pause);
	return rc;
}

enum try_outcome {
	TRY_FAILED,
	TRY_DONE,
	TRY_AGAIN, /* a few times */
	TRY_AWAY,  /* nobody is there, or not now: for as long as patience lasts */
};

static enum try_outcome outcome_of(const struct http_result *r)
{
	if (r->forbidden)
		return TRY_FAILED;
	if (r->outcome == HTTP_DONE && (r->status == 429 || r->status == 503))
		return TRY_AWAY;
	if (r->outcome == HTTP_DONE)
		return r->status / 100 == 2 ? TRY_DONE : r->status >= 500 ? TRY_AGAIN : TRY_FAILED;
	return r->outcome == HTTP_NOT_SENT || r->outcome == HTTP_AMBIGUOUS ||
			       r->outcome == HTTP_TIMED_OUT
		       ? TRY_AWAY
		       : TRY_FAILED;
}

/* One request to its end; unless it is done, e says why. */
static enum try_outcome exchange(
	struct artifact_move *m, const struct http_request *r, int64_t *ret_wait_us, struct err *e)
{
	m->job->step.over = false;
	err_clear(&m->error);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(m->job->http, r, on_done, m, e);

	if (!x || current_step_wait(&m->job->step, m->job->loop, e) < 0)
		return TRY_FAILED;
	const struct http_result *got = http_result(x);
	enum try_outcome outcome = outcome_of(got);
	if (outcome == TRY_DONE)
		return TRY_DONE;
	*ret_wait_us = got->retry_after_us;
	if (m->error.class != ERR_NONE) { /* of ours: it ended the exchange */
		*e = m->error;
		return TRY_FAILED;
	}
	http_result_error(got, e);
	return outcome;
}

static int exchange_tries(struct artifact_move *m, const struct http_request *r,
	int (*before)(struct artifact_move *m, struct err *e), struct err *e)
{
	const struct mono end = mono_add(mono_now(), PATIENCE_US);
	struct backoff pause;
	int64_t asked_us = -1;

	backoff_init(&pause, FIRST_PAUSE_US, LONGEST_PAUSE_US);
	for (unsigned try = 1;; try++) {
		if (before && before(m, e) < 0)
			return -1;
		enum try_outcome outcome = exchange(m, r, &asked_us, e);
		if (outcome == TRY_DONE)
			return 0;
		if (outcome == TRY_FAILED || (outcome == TRY_AGAIN && try >= TRIES) ||
			mono_now().us >= end.us)
			return -1;
		int64_t us = backoff_next(&pause, mono_now(), asked_us);
		step_log_line(m->job->step.log, "[shithub] %s; try %u in %.1f s", e->text, try + 1,
			(double)us / USEC_PER_SEC);
		err_clear(e);
		if (pause_for(m, us, e) < 0)
			return -1;
	}
}

/* Object storage may be anywhere, but not inside: the coordinator chooses the URL. */
static bool is_foreign(const struct artifact_move *m, const char *url)
{
	return !http_same_origin(m->job->config->server.base_url, url);
}

int move_put(struct artifact_move *m, const char *url, const struct strv *headers, struct err *e)
{
	struct http_request r = { .method = "PUT",
		.url = url,
		.headers = headers,
		.body_fd = &m->spool,
		.body_len = m->size,
		.content_type = "application/gzip",
		.stall_us = STALL_US,
		.guarded = is_foreign(m, url) };

	return exchange_tries(m, &r, NULL, e) < 0 ? err_wrap(e, "upload") : 0;
}

static int on_body(void *data, const char *p, size_t n)
{
	struct artifact_move *m = data;

	return spool_add(m, p, n, &m->error);
}

int move_get(
	struct artifact_move *m, const char *url, uint64_t size, const char *digest, struct err *e)
{
	struct http_request r = { .method = "GET",
		.url = url,
		.on_body = on_body,
		.data = m,
		.stall_us = STALL_US,
		.guarded = is_foreign(m, url) };

	if (size > m->limit)
		return err_set(e, ERR_LIMIT,
			"the artifact has %" PRIu64 " bytes, this runner takes %" PRIu64, size,
			m->limit);
	if (exchange_tries(m, &r, spool_restart, e) < 0)
		return err_wrap(e, "download");
	spool_finish(m);
	if (m->size != size || !str_eq(m->digest, digest))
		return err_set(e, ERR_PROTO,
			"download: not the artifact that was announced (its size or digest "
			"differs); nothing was unpacked");
	return 0;
}

/* ---- files ---- */

/* Large files take long on a slow disk: the loop turns for a moment between slices, so that an
 * interrupt is noticed and heartbeats leave. */
static int turn_loop(struct artifact_move *m, struct err *e)
{
	const bool never = false;
	struct err timeout = { 0 };

	if (loop_wait(m->job->loop, &never, mono_add(mono_now(), USEC_PER_MSEC), &timeout) < 0 &&
		!err_is(&timeout, ERR_TIMEOUT)) {
		*e = timeout;
		return -1;
	}
	return current_step_interrupted(&m->job->step) ? err_set(e, ERR_CANCELLED, "interrupted")
						       : 0;
}

int move_put_file(struct artifact_move *m, int fd, struct err *e)
{
	off_t from = 0;
	ssize_t n;

	do {
		uint64_t left = m->size - (uint64_t)from;

		if (turn_loop(m, e) < 0)
			return -1;
		n = copy_file_range(
			m->spool, &from, fd, NULL, left < COPY_SLICE ? left : COPY_SLICE, 0);
	} while (n > 0 && (uint64_t)from < m->size);
	return n < 0 || (uint64_t)from < m->size ? err_set_errno(e, n < 0 ? errno : EIO, "copy it")
						 : 0;
}

int move_get_file(struct artifact_move *m, int fd, struct err *e)
{
	char block[BLOCK];
	uint64_t next_turn = 0;
	ssize_t n;

	if (spool_restart(m, e) < 0)
		return -1;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		if (spool_add(m, block, (size_t)n, e) < 0)
			return -1;
		if (m->size < next_turn)
			continue;
		if (turn_loop(m, e) < 0)
			return -1;
		next_turn = m->size + COPY_SLICE;
	}
	if (n < 0)
		return err_set_errno(e, errno, "read it");
	spool_finish(m);
	return 0;
}
