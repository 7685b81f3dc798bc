/*
 * Signing in by a provider: /login/oidc leads there, /login/oidc/callback is where the browser
 * comes back. Neither is a form: what leads to the provider is a link, so no page of ours may send
 * a form to another host. A link on another site leads to our own sign-in page first, so nobody
 * else begins a sign-in here; and an answer counts only in the browser that began it (oidc/flow.h),
 * so nobody can be signed in as somebody else.
 *
 * What takes the network is done aside; what takes the store, here.
 */
#include <pages/parts.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/app/tries.h"
#include "coordinator/app/access.h"
#include "coordinator/oidc/client.h"
#include "coordinator/pages/arrival.h"
#include "coordinator/pages/aside.h"
#include "coordinator/pages/form.h"
#include "coordinator/pages/login.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/pages.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/session.h"
#include "coordinator/store/pool/spent.h"

#define COOKIE "shithub_oidc"
enum { CODE_MAX = 4096, WORD_MAX = 64, ISS_MAX = 2000 };

/* ---- what went wrong ---- */

enum refusal {
	REFUSED_UNREACHABLE,
	REFUSED_BROKEN,
	REFUSED_CLIENT,
	REFUSED_CODE,
	REFUSED_TOKEN,
	REFUSED_CLOCK,
	REFUSED_STATE,
	REFUSED_BY_USER,
	REFUSED_BY_PROVIDER,
	REFUSED_TOO_MANY,
	REFUSED_BUSY,
	REFUSED_NOT_ADMITTED,
	REFUSED_DISABLED,
	REFUSED_UNKNOWN,
	REFUSED_NAME_TAKEN,
	REFUSED_NAME_BAD,
};

struct refusal_page {
	const char *word; /* for the log */
	unsigned status;
	bool ours; /* something for the operator to mend */
	const char *what, *help;
};

#define TELL " If it stays, tell the operator of this coordinator, whose log says what it is."
static const struct refusal_page refusal_pages[] = {
	[REFUSED_UNREACHABLE] = { "unreachable", 503, true, "The sign-in service cannot be reached",
		"Try again in a moment." TELL },
	[REFUSED_BROKEN] = { "broken_answer", 502, true,
		"The sign-in service gave an answer that cannot be used",
		"Try again in a moment." TELL },
	[REFUSED_CLIENT] = { "client_refused", 502, true,
		"The sign-in service does not know this coordinator",
		"Only the operator can mend that: the client's id or secret is wrong, as the "
		"coordinator's log says." },
	[REFUSED_CODE] = { "code_refused", 400, false, "This sign-in is over",
		"The sign-in service accepts each answer once, and for a short time. Begin "
		"again." },
	[REFUSED_TOKEN] = { "token_refused", 502, true,
		"The answer of the sign-in service proves nothing",
		"Nobody was signed in. Begin again." TELL },
	[REFUSED_CLOCK] = { "clock", 502, true, "Two clocks differ",
		"The sign-in service and this coordinator disagree about the time by more than a "
		"minute, so its answer cannot be believed. Tell the operator of this "
		"coordinator." },
	[REFUSED_STATE] = { "state", 400, false, "This sign-in is over",
		"It took more than ten minutes, was begun in another tab or browser, or came back "
		"already. Begin again; the browser must accept cookies." },
	[REFUSED_BY_USER] = { "access_denied", 403, false, "The sign-in service did not let you in",
		"You stopped there, or your account may not use this coordinator. Begin again, or "
		"ask who manages your account." },
	[REFUSED_BY_PROVIDER] = { "provider_error", 502, true,
		"The sign-in service answered with an error", "Begin again." TELL },
	[REFUSED_TOO_MANY] = { "too_many", 429, false, "Too many tries from your address",
		"Wait a minute, then try again." },
	[REFUSED_BUSY] = { "busy", 503, false, "Many sign in at this moment",
		"Try again in a moment." },
	[REFUSED_NOT_ADMITTED] = { "not_admitted", 403, false, "You may not sign in here", NULL },
	[REFUSED_DISABLED] = { "disabled", 403, false, "Your user is disabled",
		"An operator of this coordinator did that, and can undo it." },
	[REFUSED_UNKNOWN] = { "not_linked", 403, false, "You are no user of this coordinator yet",
		"The sign-in service knows you, but nobody has linked you to a user here." },
	[REFUSED_NAME_TAKEN] = { "name_taken", 403, false, "Your name is taken here",
		"A user of this name was here before and is not linked to you." },
	[REFUSED_NAME_BAD] = { "name_bad", 403, false, "You have no name that can be one here",
		"Names have 1 to 39 letters, digits or - inside, and the sign-in service gives "
		"none like that for you." },
};

/* A copied command must do nothing but what it says. */
static bool is_plain_word(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("'\"\\`$<>;&(){}*?[]#!", *text))
			return false;
	return true;
}

static void refusal_log(struct app *a, struct httpd_request *r, const struct refusal_page *p,
	const char *subject, const struct err *e)
{
	char address[ADDRESS_TEXT_MAX];
	int64_t left_out;

	if (log_limit_pass(&a->oidc_said[p->ours], mono_now(), &left_out))
		log_event(p->ours ? LOG_WARN : LOG_INFO, "pages", "oidc_refused",
			(struct log_field[]){ F_STR("why", p->word), F_STR("subject", subject),
				F_STR("address", httpd_address_of(r, address)), F_ERR(e),
				F_INT("left_out", left_out) },
			5);
}

/* subject NULL: not known, or of no use. */
static void answer_refusal(struct app *a, struct httpd_request *r, enum refusal refusal,
	const char *next, const char *subject, const struct err *e)
{
	const struct refusal_page *p = &refusal_pages[refusal];
	bool link = subject && (refusal == REFUSED_UNKNOWN || refusal == REFUSED_NAME_TAKEN ||
				       refusal == REFUSED_NAME_BAD);
	CLEAN_STR char *quoted = link && is_plain_word(subject) ? xasprintf("'%s'", subject) : NULL;
	CLEAN_BUF struct buf again = BUF_INIT(KIB(4));
	CLEAN_HTML struct html h;

	refusal_log(a, r, p, subject, e);
	if (p->status == 429 || p->status == 503)
		httpd_add_header(r, "Retry-After", p->status == 429 ? "60" : "5");
	buf_adds(&again, "/login");
	percent_field(&again, "next", login_next(next));
	html_init(&h, PAGE_MAX_BYTES);
	page_begin(&h, NULL, NULL, p->what);
	html_oidc_failed(&h, &(struct html_oidc_failed){ .status = p->status,
				     .what = p->what,
				     .help = p->help ? p->help : e->text,
				     .subject = quoted,
				     .again = buf_cstr(&again) });
	page_reply(r, p->status, &h);
}

static enum refusal refusal_of_fault(enum oidc_fault fault)
{
	static const enum refusal refusals[] = {
		[OIDC_UNREACHABLE] = REFUSED_UNREACHABLE,
		[OIDC_BROKEN] = REFUSED_BROKEN,
		[OIDC_CLIENT_REFUSED] = REFUSED_CLIENT,
		[OIDC_CODE_REFUSED] = REFUSED_CODE,
		[OIDC_TOKEN_BAD] = REFUSED_TOKEN,
		[OIDC_CLOCK] = REFUSED_CLOCK,
	};

	return refusals[fault];
}

static enum refusal refusal_of_arrival(enum arrival what)
{
	static const enum refusal refusals[] = {
		[ARRIVAL_DISABLED] = REFUSED_DISABLED,
		[ARRIVAL_UNKNOWN] = REFUSED_UNKNOWN,
		[ARRIVAL_NAME_TAKEN] = REFUSED_NAME_TAKEN,
		[ARRIVAL_NAME_BAD] = REFUSED_NAME_BAD,
	};

	return refusals[what];
}

/* ---- a try: both halves of a sign-in ---- */

struct oidc_try {
	struct app *app;
	uint64_t peer;
	struct oidc_flow flow;
	char *code, *iss; /* of the second half */
	/* the thread's words */
	enum oidc_fault fault;
	struct err e;
	struct buf url; /* of the first half */
	struct oidc_person person;
};

static struct oidc_try *try_new(struct app *a, struct httpd_request *r)
{
	struct oidc_try *t = xcalloc(1, sizeof(*t));

	t->app = a;
	t->peer = httpd_peer(r);
	buf_init(&t->url, KIB(8));
	return t;
}

static void try_free(void *data)
{
	struct oidc_try *t = data;

	wipe_free(t->code);
	free(t->iss);
	buf_release(&t->url);
	oidc_person_release(&t->person);
	wipe(&t->flow, sizeof(t->flow));
	free(t);
}

/* False: answered. */
static bool try_start(struct oidc_try *t, const struct aside_work *work, struct httpd_request *r)
{
	struct app *a = t->app;
	struct err e = { 0 };

	if (aside_start(a, a->oidc_tries, OIDC_TRIES_MAX, work, t, r, &e) == 0)
		return true;
	answer_refusal(a, r, REFUSED_BUSY, t->flow.next, NULL, &e);
	return false;
}

/* ---- to the provider ---- */

static void begin_run(void *data)
{
	struct oidc_try *t = data;

	t->fault = oidc_begin(t->app->oidc, &t->flow, &t->url, &t->e);
}

static void begin_answer(void *data, struct httpd_request *r)
{
	struct oidc_try *t = data;

	if (!r)
		return;
	if (t->fault != OIDC_FINE) {
		answer_refusal(t->app, r, refusal_of_fault(t->fault), t->flow.next, NULL, &t->e);
		return;
	}
	cookie_set(t->app, r, COOKIE, t->flow.cookie, OIDC_FLOW_US / USEC_PER_SEC);
	form_done(r, buf_cstr(&t->url));
}

static const struct aside_work begin_work = { "sign-in", begin_run, begin_answer, try_free };

/* False: answered. */
static bool may_begin(
	struct app *a, struct httpd_request *r, const struct viewer *v, const char *next)
{
	struct err e = { 0 };

	if (!a->oidc) {
		err_set(&e, ERR_NOT_FOUND, "there is nothing at this path");
		page_fail(r, &e);
	} else if (v->session) {
		form_done(r, login_next(next));
	} else if (login_failed_enough(a, httpd_peer(r), NULL)) {
		err_set(&e, ERR_AUTH, "too many failures of this address");
		answer_refusal(a, r, REFUSED_TOO_MANY, next, NULL, &e);
	} else if (form_is_foreign(a, r)) {
		form_done(r, "/login");
	} else {
		return true;
	}
	return false;
}

void page_oidc_begin(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_VIEWER struct viewer v = { 0 };
	CLEAN_STR char *next = NULL;
	struct err e = { 0 };

	if (viewer_of(a, r, &v, &e) < 0 || query_text(r, "next", LOGIN_NEXT_MAX, &next, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	if (!may_begin(a, r, &v, next))
		return;
	struct oidc_try *t = try_new(a, r);
	oidc_flow_begin(&t->flow, a->keys.flow, login_next(next), wall_now());
	if (!try_start(t, &begin_work, r))
		try_free(t);
}

/* ---- back ---- */

static void redeem_run(void *data)
{
	struct oidc_try *t = data;

	t->fault = oidc_redeem(t->app->oidc, &t->flow, t->code, t->iss, &t->person, &t->e);
}

/* The provider knows the person, this coordinator does not let them in. */
static void answer_stranger(
	struct oidc_try *t, struct httpd_request *r, enum refusal refusal, const struct err *e)
{
	login_fails(t->app, t->peer, NULL);
	answer_refusal(t->app, r, refusal, t->flow.next, t->person.subject, e);
}

static void arrive(struct oidc_try *t, struct httpd_request *r)
{
	struct app *a = t->app;
	const struct oidc_settings *s = oidc_settings(a->oidc);
	struct arrived here;
	struct err e = { 0 };

	if (oidc_person_admitted(&t->person, s, &e) < 0) {
		answer_stranger(t, r, REFUSED_NOT_ADMITTED, &e);
	} else if (arrival_find(a, s, &t->person, &here, &e) < 0) {
		page_fail(r, &e);
	} else if (here.what != ARRIVAL_USER) {
		err_set(&e, ERR_DENIED, "the provider calls this subject \"%.100s\"",
			t->person.login ? t->person.login : "");
		answer_stranger(t, r, refusal_of_arrival(here.what), &e);
	} else if (session_begin_linked(a, r, here.user_id, here.identity, &e) < 0) {
		page_fail(r, &e);
	} else {
		login_fits(a, t->peer, NULL);
		form_done(r, login_next(t->flow.next));
	}
}

/* Nothing that a browser brings makes one of these, so they count against nobody: passwords of the
 * same address must go on while a provider is away or its operator's secret is wrong. */
static bool is_nobodys(enum oidc_fault fault)
{
	return fault == OIDC_UNREACHABLE || fault == OIDC_CLIENT_REFUSED || fault == OIDC_CLOCK;
}

static void redeem_answer(void *data, struct httpd_request *r)
{
	struct oidc_try *t = data;

	if (is_nobodys(t->fault))
		login_fits(t->app, t->peer, NULL);
	else if (t->fault != OIDC_FINE)
		login_fails(t->app, t->peer, NULL);
	if (!r)
		return;
	if (t->fault == OIDC_FINE)
		arrive(t, r);
	else
		answer_refusal(t->app, r, refusal_of_fault(t->fault), t->flow.next, NULL, &t->e);
}

static const struct aside_work redeem_work = { "sign-in", redeem_run, redeem_answer, try_free };

static void answer_error(struct oidc_try *t, struct httpd_request *r, const char *error)
{
	bool user = str_eq(error, "access_denied");
	struct err e = { 0 };

	err_set(&e, ERR_PROTO, "the provider says %s",
		oidc_is_error_word(error) ? error : "something unreadable");
	answer_refusal(
		t->app, r, user ? REFUSED_BY_USER : REFUSED_BY_PROVIDER, t->flow.next, NULL, &e);
}

/* What the browser brought fits together. */
static int flow_read(struct oidc_try *t, struct httpd_request *r, char **ret_error, struct err *e)
{
	struct app *a = t->app;
	CLEAN_SECRET char *cookie = cookie_get(a, r, COOKIE, OIDC_COOKIE_MAX - 1);
	CLEAN_SECRET char *state = NULL;

	if (query_text(r, "state", WORD_MAX, &state, e) < 0 ||
		query_text(r, "iss", ISS_MAX, &t->iss, e) < 0 ||
		query_text(r, "error", WORD_MAX, ret_error, e) < 0 ||
		query_text(r, "code", CODE_MAX, &t->code, e) < 0 ||
		oidc_flow_resume(&t->flow, a->keys.flow, cookie, state, wall_now(), e) < 0)
		return -1;
	cookie_set(
		a, r, COOKIE, "", 0); /* not before: a link on another site ends nobody's sign-in */
	return t->code || *ret_error ? 0 : err_set(e, ERR_AUTH, "neither a code nor an error");
}

/* None comes back twice, at whichever serve and whatever the provider thinks of its code: 1, 0 it
 * did already, -1. */
static int state_spend(const struct oidc_try *t, struct err *e)
{
	const char *state = t->flow.state;
	unsigned char digest[SHA256_LEN];
	struct wall until = { wall_now().us + OIDC_FLOW_US };

	sha256(state, strlen(state), digest);
	int rc = store_spend(t->app->store, digest, until, e);
	return rc == 0 ? (err_set(e, ERR_AUTH, "it came back already"), 0) : rc;
}

/* Spent and counted once it asks the provider. False: answered. */
static bool redeem(struct oidc_try *t, struct httpd_request *r)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct app *a = t->app;
	struct err e = { 0 };
	int rc = store_begin(a->store, &tx, &e);

	if (rc == 0)
		rc = state_spend(t, &e);
	if (rc < 0)
		page_fail(r, &e);
	else if (rc == 0)
		answer_refusal(a, r, REFUSED_STATE, NULL, NULL, &e);
	if (rc <= 0 || !try_start(t, &redeem_work, r))
		return false;
	if (store_commit(&tx, &e) < 0)
		log_error("pages", "oidc_state_not_stored", F_ERR(&e));
	login_begins(a, t->peer, NULL);
	return true;
}

static void come_back(struct oidc_try *t, struct httpd_request *r)
{
	CLEAN_STR char *error = NULL;
	struct err e = { 0 };

	if (login_failed_enough(t->app, t->peer, NULL)) {
		err_set(&e, ERR_AUTH, "too many failures of this address");
		answer_refusal(t->app, r, REFUSED_TOO_MANY, NULL, NULL, &e);
	} else if (flow_read(t, r, &error, &e) < 0) {
		answer_refusal(t->app, r, REFUSED_STATE, NULL, NULL, &e);
	} else if (error) {
		answer_error(t, r, error);
	} else if (redeem(t, r)) {
		return;
	}
	try_free(t);
}

void page_oidc_callback(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };

	if (a->oidc) {
		come_back(try_new(a, r), r);
		return;
	}
	err_set(&e, ERR_NOT_FOUND, "there is nothing at this path");
	page_fail(r, &e);
}
