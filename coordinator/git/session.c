/*
 * Two directions that must never wait for each other in a circle: while the body still comes in,
 * what the child already says is put aside (`early`, bounded), since the answer can only begin when
 * the whole body is in.
 */
#include "coordinator/git/session.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/proc.h"
#include "coordinator/app/access.h"
#include "coordinator/git/private.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/push_journal.h"

const char *git_service_name(enum git_service s)
{
	return s == GIT_RECEIVE_PACK ? "git-receive-pack" : "git-upload-pack";
}

struct git_session *git_session_of(struct app *a, const struct httpd_request *r)
{
	for (struct git_session *s = a->git_sessions; s; s = s->next)
		if (s->request == r)
			return s;
	BUG("no git session for %s", httpd_path(r));
}

void git_session_free(struct git_session *s)
{
	loop_source_unref(&s->on_in);
	loop_source_unref(&s->on_out);
	loop_source_unref(&s->on_exit);
	loop_source_unref(&s->on_time);
	/* upload-pack has a pack-objects below it: the whole group goes */
	if (s->proc.pid > 0)
		kill(-s->proc.pid, SIGKILL);
	proc_destroy(&s->proc);
	close_fdp(&s->in);
	close_fdp(&s->out);
	close_fdp(&s->said);
	git_input_release(&s->input);
	buf_release(&s->early);
	repo_row_release(&s->repo);
	push_notes_release(&s->plan.notes);
	free(s->pusher);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s);
}

static void session_ended(struct git_session *s);
static void on_overdue(struct loop_source *source, void *data);

/* ---- the child's end ---- */

/* The first words of its stderr, for our log. */
static void log_failure(struct git_session *s)
{
	char text[400] = "", status[PROC_STATUS_TEXT];
	int64_t left_out;
	ssize_t n = pread(s->said, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (log_limit_pass(&s->app->git_said, mono_now(), &left_out))
		log_warn("git", "child_failed", F_STR("service", git_service_name(s->service)),
			F_INT("repo", s->repo.id),
			F_STR("status", proc_status_text(s->status, status)), F_STR("said", text),
			F_INT("left_out", left_out));
}

static struct push_row push_of(const struct git_session *s)
{
	return (struct push_row){ .id = s->journal_id,
		.instance = s->journal_instance,
		.repo_id = s->repo.id,
		.pusher = s->pusher,
		.commands = s->input.scan.head.data,
		.commands_len = s->input.scan.head.len };
}

static int on_commands(void *data, struct err *e)
{
	struct git_session *s = data;
	struct push_row p = push_of(s);

	if (push_journal_open(s->app, &p, e) < 0)
		return err_wrap(e, "push journal");
	s->journal_id = p.id;
	s->journal_instance = p.instance;
	s->tells = git_answer_tells(s);
	return 0;
}

static void push_planned(void *session)
{
	session_ended(session);
}

static void runs_made(void *app, size_t runs)
{
	push_journal_made(app, runs);
}

/* True: its runs are being made, and push_planned follows. */
static bool push_ended(struct git_session *s)
{
	struct app *a = s->app;
	const struct push_maker m = { .app = a, .made = runs_made, .data = a };

	s->plan = (struct plan_task){
		.repo = &s->repo, .push = push_of(s), .done = push_planned, .data = s
	};
	if (!s->plan.push.id) /* git saw no whole command */
		return false;
	if (s->refused)
		push_journal_drop(a, &s->plan.push);
	else if (a->planner)
		planner_submit(a->planner, &s->plan);
	else
		IGNORE_RESULT(push_journal_file(&m, &s->repo, &s->plan.push, &s->plan.notes),
			"the row stands");
	return !s->refused && a->planner != NULL;
}

/* ---- the answer ---- */

/* Version 2 begins with its own line; the older ones name the service first. */
static void add_service_line(struct git_session *s)
{
	const char *name = git_service_name(s->service);

	if (s->service == GIT_UPLOAD_PACK && s->version2)
		return;
	buf_addf(&s->early, "%04zx# service=%s\n0000", strlen(name) + 15, name);
}

static void try_answer(struct git_session *s)
{
	CLEAN_STR char *type = NULL;

	if (s->answered || !s->body_done || !s->request)
		return;
	bool silent = s->early.len <= s->prefix;
	if (silent && !(s->out_ended && (s->exited || s->overdue)))
		return;
	s->answered = true;
	if (silent && s->status != 0) {
		httpd_error(s->request, 500, "git failed");
		return;
	}
	type = xasprintf("application/x-%s-%s", git_service_name(s->service),
		s->advertise ? "advertisement" : "result");
	loop_io_events(s->on_out, 0);
	httpd_reply_stream(s->request, 200, type, git_answer_read, s);
}

static void collect_early(struct git_session *s)
{
	char *room = buf_reserve(&s->early, KIB(16));

	if (!room) { /* as much as we put aside: the rest waits in the pipe */
		loop_io_events(s->on_out, 0);
		return;
	}
	ssize_t n = read(s->out, room, KIB(16));
	if (n > 0)
		buf_commit(&s->early, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		s->out_ended = true;
	if (s->out_ended)
		loop_io_events(s->on_out, 0);
}

/* Nobody listens any more: the child must not block on its last words. */
static void discard_output(struct git_session *s)
{
	char junk[4096];
	ssize_t n = read(s->out, junk, sizeof(junk));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		s->out_ended = true;
		loop_io_events(s->on_out, 0);
	}
}

static void on_out(
	struct loop_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct git_session *s = data;

	if (!s->request) {
		discard_output(s);
	} else if (!s->answered) {
		collect_early(s);
		try_answer(s);
	} else {
		loop_io_events(s->on_out, 0);
		httpd_resume(s->request);
	}
}

static void on_exit_seen(
	struct loop_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct git_session *s = data;

	if (!proc_reap(&s->proc, &s->status))
		return;
	loop_source_unref(&s->on_exit);
	if (s->status != 0)
		log_failure(s);
	loop_source_unref(&s->on_time);
	if (s->service != GIT_RECEIVE_PACK || s->advertise || !push_ended(s))
		session_ended(s);
	else
		s->on_time = loop_timer(s->app->loop,
			mono_add(loop_now(s->app->loop), GIT_PLAN_WAIT_US), on_overdue, s);
}

/* The answer ends; the session stays for the planner. */
static void on_overdue(struct loop_source *source UNUSED, void *data)
{
	struct git_session *s = data;

	s->overdue = true;
	if (s->request && s->answered)
		httpd_resume(s->request);
	else if (s->request)
		try_answer(s);
}

/* The child and what follows from it: a push is answered when its runs are made. */
static void session_ended(struct git_session *s)
{
	s->exited = true;
	if (!s->request)
		git_session_free(s);
	else if (s->answered)
		httpd_resume(s->request);
	else
		try_answer(s);
}

/* Whoever is slow, git or the client: its place is needed. The end is on_exit's. */
static void on_time(struct loop_source *source UNUSED, void *data)
{
	struct git_session *s = data;

	log_warn("git", "took_too_long", F_STR("service", git_service_name(s->service)),
		F_INT("repo", s->repo.id));
	if (s->proc.pid > 0)
		kill(-s->proc.pid, SIGKILL);
}

/* ---- the request ---- */

static void log_bad_body(struct git_session *s, const struct err *e)
{
	int64_t left_out;

	if (log_limit_pass(&s->app->git_said, mono_now(), &left_out))
		log_warn("git", "bad_request_body", F_INT("repo", s->repo.id), F_ERR(e),
			F_INT("left_out", left_out));
}

static void on_in(
	struct loop_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct git_session *s = data;
	struct httpd *h = s->app->httpd;

	httpd_turn_begin(h); /* the commands of the push may be stored */
	git_session_feed(s);
	if (s->request && !s->body_done && !git_input_pending(&s->input))
		httpd_resume(s->request);
	httpd_turn_end(h);
}

/* Moves bytes towards the child until it cannot take more; closes its stdin at the end. */
void git_session_feed(struct git_session *s)
{
	struct err e = { 0 };

	if (s->in < 0)
		return;
	int rc = git_input_move(&s->input, s->in, &e);
	if (rc < 0) {
		log_bad_body(s, &e);
		s->input.failed = true;
	}
	bool blocked = rc == 0 && git_input_pending(&s->input);
	if (blocked && !s->on_in)
		s->on_in = loop_io(s->app->loop, s->in, EPOLLOUT, on_in, s);
	else if (s->on_in)
		loop_io_events(s->on_in, blocked ? EPOLLOUT : 0);
	if (rc < 0 || (s->body_done && !blocked)) {
		loop_source_unref(&s->on_in);
		close_fdp(&s->in);
	}
}

static ssize_t session_take_body(void *data, const char *p, size_t n)
{
	struct git_session *s = data;
	struct err e = { 0 };

	if (s->input.failed)
		return HTTPD_ABORT;
	if (s->in >= 0 && git_input_pending(&s->input))
		return 0;
	if (git_input_add(&s->input, p, n, &e) < 0) {
		log_bad_body(s, &e);
		return HTTPD_ABORT;
	}
	git_session_feed(s);
	return s->input.failed ? HTTPD_ABORT : (ssize_t)n;
}

/* The whole push is there, after however long: git gets its end only if the pusher may still push.
 */
static int push_allow(struct git_session *s, struct err *e)
{
	if (!s->input.hold)
		return 0;
	if (access_again(s->app, s->pat_id, s->repo.id, ROLE_WRITE, e) == 0) {
		s->input.hold = false;
		return 0;
	}
	log_warn("git", "push_refused", F_INT("repo", s->repo.id), F_STR("pusher", s->pusher),
		F_ERR(e));
	s->refused = true;
	if (s->proc.pid > 0)
		kill(-s->proc.pid, SIGKILL);
	return -1;
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct git_session *s = data;
	struct err e = { 0 };

	s->request = NULL;
	if (s->exited || s->service != GIT_RECEIVE_PACK || s->advertise || !s->input.scan.done) {
		git_session_free(s);
		return;
	}
	/* whether the pack is whole is git's to say: it gets what came, then the end */
	s->body_done = true;
	if (!s->refused && push_allow(s, &e) == 0)
		git_session_feed(s);
	loop_io_events(s->on_out, s->out_ended ? 0 : EPOLLIN);
}

void git_session_body_done(struct git_session *s)
{
	struct err e = { 0 };

	s->body_done = true;
	if (push_allow(s, &e) < 0) {
		s->answered = true;
		httpd_reply_err(s->request, &e);
		return;
	}
	httpd_hold(s->request);
	git_session_feed(s);
	try_answer(s);
}

struct git_session *git_session_start(
	struct app *a, const struct git_session_spec *spec, struct err *e)
{
	struct git_session *s = git_session_spawn(a, spec, e);

	if (!s)
		return NULL;
	s->on_out = loop_io(a->loop, s->out, EPOLLIN, on_out, s);
	s->on_exit = proc_watch(a->loop, &s->proc, on_exit_seen, s);
	s->on_time = loop_timer(a->loop,
		mono_add(loop_now(a->loop),
			s->caller == GIT_CALLER_ANONYMOUS ? GIT_TIME_ANONYMOUS_US : GIT_TIME_US),
		on_time, s);
	s->request = spec->request;
	if (s->service == GIT_UPLOAD_PACK) /* wants and haves: small */
		httpd_limit_body(s->request);
	if (s->advertise)
		add_service_line(s);
	s->prefix = s->early.len;
	s->input.hold = s->input.scanning;
	s->input.on_commands = on_commands;
	s->input.data = s;
	if (!s->advertise)
		httpd_set_sink(s->request, session_take_body, s);
	httpd_on_close(s->request, on_close, s);
	return s;
}

void git_sessions_stop(struct app *a)
{
	for (struct git_session *s = a->git_sessions, *next; s; s = next) {
		next = s->next;
		git_session_free(s);
	}
}
