/*
 * A password takes a tenth of a second to check, and whoever serves must not wait for it, so it is
 * done aside (aside.h).
 */
#include "coordinator/pages/pages.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/app/tries.h"
#include "coordinator/oidc/client.h"
#include "coordinator/pages/aside.h"
#include "coordinator/pages/form.h"
#include "coordinator/pages/login.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/session.h"
#include "coordinator/rights/password.h"
#include "coordinator/rights/session.h"

enum { LOGIN_MAX = 64 };

struct login_try {
	struct app *app;
	uint64_t peer;
	char *login, *password, *next, *digest;
	int64_t user_id;
	bool fits; /* the thread's word */
};

/* ---- the page ---- */

/* Browsers drop tabs and line ends from an address, and read a backslash as a slash. */
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f || *text == '\\')
			return false;
	return true;
}

const char *login_next(const char *next)
{
	return next && next[0] == '/' && next[1] != '/' && is_plain(next) ? next : "/";
}

/* Of the provider's button; NULL: there is none. */
static char *provider_url(const struct app *a, const char *next)
{
	CLEAN_BUF struct buf url = BUF_INIT(KIB(4));

	if (!a->oidc)
		return NULL;
	buf_adds(&url, "/login/oidc");
	percent_field(&url, "next", login_next(next));
	return buf_take(&url);
}

static void answer_form(struct httpd_request *r, unsigned status, const char *login,
	const char *next, const char *problem)
{
	const struct app *a = httpd_app(r);
	CLEAN_STR char *url = provider_url(a, next);
	CLEAN_HTML struct html h;

	html_init(&h, PAGE_MAX_BYTES);
	page_begin(&h, NULL, NULL, "Sign in");
	html_login(&h, &(struct html_login){ .problem = problem,
			       .provider = a->oidc ? oidc_settings(a->oidc)->name : NULL,
			       .provider_url = url,
			       .next = next,
			       .login = login });
	page_reply(r, status, &h);
}

void page_login(struct httpd_request *r, void *app)
{
	CLEAN_VIEWER struct viewer v = { 0 };
	CLEAN_STR char *next = NULL;
	struct err e = { 0 };

	if (viewer_of(app, r, &v, &e) < 0 || query_text(r, "next", LOGIN_NEXT_MAX, &next, &e) < 0)
		page_fail(r, &e);
	else if (v.session)
		form_done(r, login_next(next));
	else
		answer_form(r, 200, NULL, next, NULL);
}

/* ---- a try ---- */

static void try_free(void *data)
{
	struct login_try *t = data;

	wipe_free(t->password);
	free(t->login);
	free(t->next);
	free(t->digest);
	free(t);
}

static void try_check(void *data)
{
	struct login_try *t = data;

	t->fits = password_fits(t->digest, t->password);
}

/* What is no user's name may be a password, typed into the wrong field. */
static void refusal_log(const struct login_try *t, struct httpd_request *r)
{
	char address[ADDRESS_TEXT_MAX];
	int64_t left_out;

	if (log_limit_pass(&t->app->refusals_said, mono_now(), &left_out))
		log_info("pages", "login_refused", F_STR("login", t->user_id ? t->login : NULL),
			F_STR("address", httpd_address_of(r, address)),
			F_INT("left_out", left_out));
}

static void answer_refused(struct login_try *t, struct httpd_request *r)
{
	refusal_log(t, r);
	answer_form(r, 401, t->login, t->next,
		"Name or password is wrong, or this user has no password.");
}

static void answer_try(void *data, struct httpd_request *r)
{
	struct login_try *t = data;
	struct err e = { 0 };

	if (t->fits)
		login_fits(t->app, t->peer, t->login);
	else
		login_fails(t->app, t->peer, t->login);
	if (!r)
		return;
	if (t->fits && session_begin(t->app, r, t->user_id, t->digest, &e) == 0)
		form_done(r, login_next(t->next));
	else if (!t->fits || err_is(&e, ERR_AUTH))
		answer_refused(t, r);
	else
		page_fail(r, &e);
}

static const struct aside_work work = { "password check", try_check, answer_try, try_free };

static int try_start(struct login_try *t, struct httpd_request *r, struct err *e)
{
	struct app *a = t->app;

	if (aside_start(a, a->logins, LOGIN_TRIES_MAX, &work, t, r, e) < 0)
		return -1;
	login_begins(a, t->peer, t->login);
	return 0;
}

static int read_form(struct httpd_request *r, struct login_try *t, struct err *e)
{
	if (form_field(r, "login", LOGIN_MAX, &t->login, e) < 0 ||
		form_field(r, "password", PASSWORD_MAX, &t->password, e) < 0 ||
		form_field(r, "next", LOGIN_NEXT_MAX, &t->next, e) < 0)
		return -1;
	if (str_empty(t->login) || str_empty(t->password))
		return err_set(e, ERR_INPUT, "name and password are missing");
	return store_password_get(t->app->store, t->login, &t->user_id, &t->digest, e);
}

static void answer_too_many(struct httpd_request *r, const char *login, const char *next)
{
	httpd_add_header(r, "Retry-After", "60");
	answer_form(r, 429, login, next,
		"Too many tries from your address or for this name. Wait a minute, then try "
		"again.");
}

/* Before the body is read. */
void page_login_begin(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };

	if (form_is_foreign(a, r)) {
		err_set(&e, ERR_DENIED, "the form is of another site");
		page_fail(r, &e);
	} else if (login_failed_enough(a, httpd_peer(r), NULL)) {
		answer_too_many(r, NULL, NULL);
	}
}

/* Asked again: many bodies may have been on the way when the first one came in. False: answered. */
static bool try_run(struct login_try *t, struct httpd_request *r)
{
	struct err e = { 0 };
	bool read = read_form(r, t, &e) == 0;

	if (read && login_failed_enough(t->app, t->peer, t->login))
		answer_too_many(r, t->login, t->next);
	else if (!read || try_start(t, r, &e) < 0)
		page_fail(r, &e);
	else
		return true;
	return false;
}

void page_login_sent(struct httpd_request *r, void *app)
{
	struct login_try *t = xcalloc(1, sizeof(*t));

	t->app = app;
	t->peer = httpd_peer(r);
	if (!try_run(t, r))
		try_free(t);
}

void pages_stop(struct app *a)
{
	if (a->oidc)
		oidc_stop(a->oidc);
	asides_end(a->logins, LOGIN_TRIES_MAX);
	asides_end(a->oidc_tries, OIDC_TRIES_MAX);
}

/* ---- sessions ---- */

/* A browser's: no token, however it came about, sees or ends what its user signed in. */
static int session_viewer_of(
	struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e)
{
	if (viewer_of(a, r, ret, e) < 0)
		return -1;
	return ret->session ? 0 : err_set(e, ERR_AUTH, "sign in first");
}

void page_logout(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_VIEWER struct viewer v = { 0 };
	struct err e = { 0 };

	if (viewer_of(a, r, &v, &e) < 0 || form_check(a, r, &v, &e) < 0 ||
		(v.session && store_session_end(a->store, v.who.user_id, v.session, &e) < 0)) {
		page_fail(r, &e);
		return;
	}
	session_forget(a, r);
	form_done(r, "/");
}

static void write_session(struct html *h, const struct viewer *v, const struct session_row *s)
{
	CLEAN_STR char *url = xasprintf("/sessions/%" PRId64 "/end", s->id);

	html_session_row(
		h, &(struct html_session_row){ .agent = *s->agent ? s->agent : "unknown browser",
			   .this = s->id == v->session,
			   .since = s->created_at,
			   .used = s->last_used_at,
			   .ends = s->expires_at,
			   .url = url,
			   .token = v->form_token });
}

void page_sessions(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_VIEWER struct viewer v = { 0 };
	CLEANUP(session_list_release) struct session_list l = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (session_viewer_of(a, r, &v, &e) < 0 ||
		store_session_list(a->store, v.who.user_id, wall_now(), &l, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &v, NULL, "Sessions");
	html_sessions_begin(&h, &(struct html_sessions_begin){ 0 });
	for (size_t i = 0; i < l.n; i++)
		write_session(&h, &v, &l.v[i]);
	html_list_end(&h, &(struct html_list_end){ 0 });
	page_reply(r, 200, &h);
}

void page_session_end(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_VIEWER struct viewer v = { 0 };
	int64_t id = 0;
	struct err e = { 0 };

	if (session_viewer_of(a, r, &v, &e) < 0 || form_check(a, r, &v, &e) < 0 ||
		(!httpd_param_id(r, "id", &id) &&
			err_set(&e, ERR_NOT_FOUND, "there is no such session") < 0) ||
		store_session_end(a->store, v.who.user_id, id, &e) < 0)
		page_fail(r, &e);
	else
		form_done(r, "/sessions");
}
