/*
 * The admin verbs over HTTP: POST /admin/verbs runs one in a process of its own, the same program
 * with the same tables (coordinator/admin/call.h), so what works at the machine works from
 * elsewhere and there is no second list of verbs that could fall behind. What the process says is
 * the answer.
 *
 * A site admin's token with the scope `admin` may call every verb, one with `repo:admin` those
 * about a repository that its user is admin of; which these are is the verb's to say, so the
 * process checks that (coordinator/admin/admin.c). The token is checked before the body is read,
 * and failures of one address are counted: beyond a few a minute they are answered 429. A valid
 * token is never refused for what others at its address did.
 */
#include "coordinator/api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/utf8.h"
#include "coordinator/app/turn.h"
#include "coordinator/app/tries.h"
#include "coordinator/api/body.h"
#include "coordinator/api/caller.h"
#include "coordinator/store/audit.h"

enum { CALLS_MAX = 8, CALLS_MAX_OTHERS = 4, SAID_MAX = 64 << 10 }; /* others: no site admins */
#define OUTPUT_MAX MIB(8)
#define CALL_TIME_US (120 * USEC_PER_SEC)

struct admin_call {
	struct app *app;
	struct httpd_request *request;
	struct proc proc;
	int out, said; /* a pipe of its stdout; a memfd of its stderr */
	struct loop_source *on_out, *on_exit, *on_time;
	struct buf text; /* may hold a token: wiped */
	bool ended, exited, late;
	int status;       /* waitpid form */
	int64_t audit_id; /* of its entry, which has no outcome yet; 0: it has one */
};

/* ---- the outcome ---- */

static char *call_outcome(const struct admin_call *c)
{
	if (c->text.failed)
		return xstrdup("ended: too much output");
	if (c->late)
		return xstrdup("ended: took too long");
	if (!c->exited)
		return xstrdup(c->proc.pid > 0 ? "ended: the caller went away" : "not started");
	if (!WIFEXITED(c->status))
		return xasprintf("ended by signal %d", WTERMSIG(c->status));
	return WEXITSTATUS(c->status) ? xasprintf("exit code %d", WEXITSTATUS(c->status))
				      : xstrdup("done");
}

/* Before the answer, so that whoever has the answer finds the entry. */
static void outcome_note(struct admin_call *c)
{
	CLEAN_STR char *text = call_outcome(c);
	struct err e = { 0 };

	if (c->audit_id && store_audit_end(c->app->store, c->audit_id, text, &e) < 0)
		log_error("admin", "outcome_not_stored", F_INT("entry", c->audit_id), F_ERR(&e));
	c->audit_id = 0;
}

static void call_free(struct admin_call *c)
{
	outcome_note(c);
	loop_source_unref(&c->on_out);
	loop_source_unref(&c->on_exit);
	loop_source_unref(&c->on_time);
	if (c->proc.pid > 0)
		kill(-c->proc.pid, SIGKILL);
	proc_destroy(&c->proc);
	close_fdp(&c->out);
	close_fdp(&c->said);
	buf_release_wipe(&c->text);
	c->app->admin_calls--;
	free(c);
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	call_free(data);
}

/* ---- the answer ---- */

/* A log may hold any bytes. */
static void write_bytes(struct json_writer *w, const char *key, const char *p, size_t n)
{
	if (utf8_valid(p, n) && !memchr(p, 0, n)) {
		json_key(w, key);
		json_strn(w, p, n);
	} else {
		CLEAN_STR char *other = xasprintf("%s_base64", key);

		json_kv_base64(w, other, p, n);
	}
}

static void call_answer(struct admin_call *c)
{
	/* escapes may make six bytes of one */
	struct buf out = BUF_INIT(OUTPUT_MAX * 6);
	CLEAN_STR char *said = xcalloc(1, SAID_MAX);
	ssize_t n = pread(c->said, said, SAID_MAX, 0);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "exit_code", WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 1);
	write_bytes(&w, "stdout", buf_cstr(&c->text), c->text.len);
	write_bytes(&w, "stderr", said, n > 0 ? (size_t)n : 0);
	json_end_object(&w);
	caller_answer(c->request, 200, &w, &out, &e);
	buf_release_wipe(&out);
}

static void call_end(struct admin_call *c)
{
	if (!c->ended || !c->exited)
		return;
	outcome_note(c);
	if (c->text.failed)
		httpd_error(
			c->request, 413, "the result is larger than %zu bytes", (size_t)OUTPUT_MAX);
	else if (c->late)
		httpd_error(c->request, 504, "the verb took longer than %d s",
			(int)(CALL_TIME_US / USEC_PER_SEC));
	else
		call_answer(c);
}

/* ---- the process ---- */

static void call_kill(struct admin_call *c)
{
	if (c->proc.pid > 0)
		kill(-c->proc.pid, SIGKILL);
}

static void on_out(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct admin_call *c = data;
	char block[KIB(16)];
	ssize_t n = read(c->out, block, sizeof(block));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		if (buf_add(&c->text, block, (size_t)n) < 0)
			call_kill(c);
		wipe(block, sizeof(block));
		return;
	}
	loop_source_unref(&c->on_out);
	c->ended = true;
	call_end(c);
}

static void on_exit_seen(
	struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct admin_call *c = data;

	if (!proc_reap(&c->proc, &c->status))
		return;
	loop_source_unref(&c->on_exit);
	c->exited = true;
	call_end(c);
}

static void on_time(struct loop_source *s UNUSED, void *data)
{
	struct admin_call *c = data;

	c->late = true;
	call_kill(c);
}

static int input_open(const char *text, int *ret, struct err *e)
{
	CLEAN_FD int fd = memfd_create("admin-input", MFD_CLOEXEC);

	if (fd < 0)
		return err_set_errno(e, errno, "memfd");
	size_t n = text ? strlen(text) : 0;
	if (n && pwrite(fd, text, n, 0) != (ssize_t)n)
		return err_set_errno(e, errno, "memfd");
	*ret = TAKE_FD(fd);
	return 0;
}

static bool is_site_admin(const struct pat_row *who)
{
	return who->site_admin && who->scopes & SCOPE_ADMIN;
}

static void make_argv(struct strv *argv, const struct admin_call *c, const struct pat_row *who,
	const struct admin_body *body)
{
	char address[ADDRESS_TEXT_MAX];

	strv_add(argv, "shithubd");
	strv_add(argv, ADMIN_CALL_VERB);
	strv_addf(argv, "--data=%s", c->app->data_dir);
	strv_addf(argv, "--login=%s", who->login);
	strv_addf(argv, "--user=%" PRId64, who->user_id);
	if (is_site_admin(who))
		strv_add(argv, "--site-admin");
	strv_addf(argv, "--address=%s", httpd_address_of(c->request, address));
	strv_add(argv, "--");
	strv_each (word, &body->argv)
		strv_add(argv, word);
}

static int call_spawn(struct admin_call *c, const struct pat_row *who,
	const struct admin_body *body, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_FD int input = -1, theirs = -1;
	int ends[2];

	if (input_open(body->input, &input, e) < 0)
		return -1;
	c->said = memfd_create("admin-stderr", MFD_CLOEXEC);
	if (c->said < 0)
		return err_set_errno(e, errno, "memfd");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	c->out = ends[0];
	theirs = ends[1];
	if (fcntl(c->out, F_SETFL, O_NONBLOCK) < 0)
		return err_set_errno(e, errno, "pipe");
	make_argv(&argv, c, who, body);
	struct proc_fd fds[] = { { input, 0 }, { theirs, 1 }, { c->said, 2 } };
	struct proc_spec spec = { .path = "/proc/self/exe",
		.argv = argv.v,
		.fds = fds,
		.n_fds = ARRAY_LEN(fds),
		.new_session = true,
		.die_with_parent = true };
	return proc_spawn(&c->proc, &spec, e);
}

/* The words up to the first flag: a value of a flag may be anything. What a verb changes it records
 * itself; this entry also says who read what. */
static int audit_call(struct admin_call *c, const struct pat_row *who,
	const struct admin_body *body, struct err *e)
{
	CLEAN_BUF struct buf words = BUF_INIT(200);
	char address[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < body->argv.n && body->argv.v[i][0] != '-'; i++)
		buf_addf(&words, "%s%s", i ? " " : "", body->argv.v[i]);
	const struct audit_entry entry = { .by = AUDIT_USER,
		.who_id = who->user_id,
		.who = who->login,
		.verb = "admin.call",
		.target_kind = "verb",
		.target = utf8_valid(words.data, words.len) ? buf_cstr(&words) : NULL,
		.address = httpd_address_of(c->request, address) };
	return store_audit_begin(c->app->store, &entry, wall_now(), &c->audit_id, e);
}

static struct admin_call *call_start(struct app *a, struct httpd_request *r,
	const struct pat_row *who, const struct admin_body *body, struct err *e)
{
	struct admin_call *c = xcalloc(1, sizeof(*c));

	c->app = a;
	c->request = r;
	c->proc = (struct proc)PROC_INIT;
	c->out = c->said = -1;
	buf_init(&c->text, OUTPUT_MAX);
	a->admin_calls++;
	/* Nothing is done that is not recorded: the entry is on the disk before the verb begins. */
	if (audit_call(c, who, body, e) < 0 || turn_flush(a, e) < 0 ||
		call_spawn(c, who, body, e) < 0) {
		call_free(c);
		return NULL;
	}
	c->on_out = loop_io(a->loop, c->out, EPOLLIN, on_out, c);
	c->on_exit = proc_watch(a->loop, &c->proc, on_exit_seen, c);
	c->on_time = loop_timer(a->loop, mono_add(loop_now(a->loop), CALL_TIME_US), on_time, c);
	return c;
}

/* ---- the request ---- */

static int admin_allow(struct app *a, struct httpd_request *r, struct pat_row *who, struct err *e)
{
	if (auth_user(a, r, who, e) < 0)
		return -1;
	if (is_site_admin(who) || who->scopes & SCOPE_REPO_ADMIN)
		return 0;
	if (who->scopes & SCOPE_ADMIN)
		return err_set(e, ERR_DENIED, "user %s is no site admin", who->login);
	return err_set(e, ERR_DENIED, "the token lacks the scope admin or repo:admin");
}

static void refusal_log(struct app *a, const struct httpd_request *r, const struct pat_row *who,
	const struct err *e)
{
	char address[ADDRESS_TEXT_MAX];
	int64_t left_out;

	if (log_limit_pass(&a->refusals_said, mono_now(), &left_out))
		log_warn("admin", "refused", F_STR("user", who->login),
			F_STR("address", httpd_address_of(r, address)), F_ERR(e),
			F_INT("left_out", left_out));
}

void api_admin_begin(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	struct err e = { 0 };

	if (admin_allow(a, r, &who, &e) == 0)
		return;
	refusal_log(a, r, &who, &e);
	if (auth_failed_often(a, r)) {
		httpd_add_header(r, "Retry-After", "60");
		httpd_error(r, 429, "too many failures, expected fewer than %d a minute",
			AUTH_FAILURES_MAX);
	} else {
		httpd_reply_err(r, &e);
	}
}

void api_admin_call(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	CLEANUP(admin_body_release) struct admin_body body = { 0 };
	struct err e = { 0 };

	if (admin_allow(a, r, &who, &e) < 0 || admin_body_parse(httpd_body(r), &body, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	unsigned most = is_site_admin(&who) ? CALLS_MAX : CALLS_MAX_OTHERS;
	if (a->admin_calls >= most) {
		httpd_add_header(r, "Retry-After", "2");
		httpd_error(r, 503, "more than %u admin verbs at a time", most);
		return;
	}
	struct admin_call *c = call_start(a, r, &who, &body, &e);
	if (!c) {
		httpd_reply_err(r, &e);
		return;
	}
	httpd_on_close(r, on_close, c);
	httpd_hold(r);
}
