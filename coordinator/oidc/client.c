/*
 * What is cached is read under one lock, and fetched under it, too: whoever comes meanwhile wants
 * the same answer. A code is redeemed outside of it, as that takes as long for each of them. The
 * access token that comes along is used for the claims that the ID token lacks, and forgotten.
 */
#include "coordinator/oidc/client.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/codec.h"
#include "coordinator/oidc/fetch.h"
#include "coordinator/oidc/id_token.h"

#define KEPT_US (3600 * USEC_PER_SEC)
#define REST_US (5 * USEC_PER_SEC)
#define KEYS_AGAIN_US (30 * USEC_PER_SEC)
#define DISCOVERY "/.well-known/openid-configuration"
enum { ANSWER_DEPTH = 16, ANSWER_NODES = 10000 };

struct oidc {
	struct oidc_settings settings;
	int stop_fd;
	pthread_mutex_t lock; /* of all below */
	struct oidc_provider provider;
	struct oidc_keys keys;
	struct mono provider_until, keys_until; /* us 0: never read */
	struct mono keys_again;                 /* for a key that is not there: not before this */
	struct mono rest_until;                 /* after a failure, */
	struct err failure;                     /* this one */
	enum oidc_fault fault;
};

struct oidc *oidc_new(struct oidc_settings *s, struct err *e)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0) {
		err_set_errno(e, errno, "eventfd");
		return NULL;
	}
	struct oidc *o = xcalloc(1, sizeof(*o));
	o->settings = TAKE_VALUE(*s, (struct oidc_settings){ 0 });
	o->stop_fd = fd;
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void oidc_stop(struct oidc *o)
{
	const uint64_t one = 1;

	IGNORE_RESULT(write(o->stop_fd, &one, sizeof(one)), "a counter of a few has room");
}

void oidc_free(struct oidc *o)
{
	if (!o)
		return;
	oidc_settings_release(&o->settings);
	oidc_provider_release(&o->provider);
	oidc_keys_release(&o->keys);
	pthread_mutex_destroy(&o->lock);
	close_fdp(&o->stop_fd);
	free(o);
}

const struct oidc_settings *oidc_settings(const struct oidc *o)
{
	return &o->settings;
}

static enum oidc_fault fault_of(const struct err *e)
{
	return err_is(e, ERR_NET) ? OIDC_UNREACHABLE : OIDC_BROKEN;
}

static bool is_over(struct mono until)
{
	return mono_diff(until, mono_now()) <= 0;
}

/* ---- document and keys, under the lock ---- */

static char *discovery_url(const char *issuer)
{
	size_t n = strlen(issuer);

	return xasprintf("%.*s" DISCOVERY, (int)(str_ends(issuer, "/") ? n - 1 : n), issuer);
}

static int provider_read(struct oidc *o, struct fetch *f, struct err *e)
{
	CLEAN_STR char *url = discovery_url(o->settings.issuer);
	CLEAN_OIDC_PROVIDER struct oidc_provider p = { 0 };
	struct slice text;

	if (fetch_text(f, url, &text, e) < 0)
		return -1;
	if (oidc_provider_parse(text.ptr, text.len, o->settings.issuer, &p, e) < 0) {
		e->class = ERR_PROTO;
		return err_wrap(e, "%s", url);
	}
	oidc_provider_release(&o->provider);
	o->provider = TAKE_VALUE(p, (struct oidc_provider){ 0 });
	o->provider_until = mono_add(mono_now(), KEPT_US);
	return 0;
}

static int keys_read(struct oidc *o, struct fetch *f, struct err *e)
{
	CLEANUP(oidc_keys_release) struct oidc_keys k = { 0 };
	struct slice text;

	if (fetch_text(f, o->provider.keys, &text, e) < 0)
		return -1;
	if (oidc_keys_parse(text.ptr, text.len, &k, e) < 0) {
		e->class = ERR_PROTO;
		return err_wrap(e, "%s", o->provider.keys);
	}
	oidc_keys_release(&o->keys);
	o->keys = TAKE_VALUE(k, (struct oidc_keys){ 0 });
	o->keys_until = mono_add(mono_now(), KEPT_US);
	return 0;
}

/* Who comes to a provider that failed just now hears the same at once. */
static enum oidc_fault provider_need(struct oidc *o, struct fetch *f, struct err *e)
{
	if (!is_over(o->provider_until))
		return OIDC_FINE;
	if (!is_over(o->rest_until)) {
		*e = o->failure;
		return o->fault;
	}
	if (provider_read(o, f, e) == 0)
		return OIDC_FINE;
	o->failure = *e;
	o->fault = fault_of(e);
	o->rest_until = mono_add(mono_now(), f->stopped ? 0 : REST_US);
	return o->fault;
}

/* ---- the beginning ---- */

static int open_fetch(const struct oidc *o, struct fetch *f, struct err *e)
{
	return fetch_open(f, o->stop_fd, o->settings.ca_file, e);
}

enum oidc_fault oidc_begin(
	struct oidc *o, const struct oidc_flow *flow, struct buf *out, struct err *e)
{
	CLEAN_FETCH struct fetch f = { 0 };

	if (open_fetch(o, &f, e) < 0)
		return OIDC_BROKEN;
	pthread_mutex_lock(&o->lock);
	enum oidc_fault fault = provider_need(o, &f, e);
	if (fault == OIDC_FINE)
		oidc_flow_url(flow, &o->provider, &o->settings, out);
	pthread_mutex_unlock(&o->lock);
	if (fault == OIDC_FINE && !buf_ok(out)) {
		err_set(e, ERR_LIMIT, "the provider's address for signing in is too long");
		return OIDC_BROKEN;
	}
	return fault;
}

enum oidc_fault oidc_probe(struct oidc *o, size_t *ret_keys, struct err *e)
{
	CLEAN_FETCH struct fetch f = { 0 };

	if (open_fetch(o, &f, e) < 0)
		return OIDC_BROKEN;
	pthread_mutex_lock(&o->lock);
	int rc = provider_read(o, &f, e);
	if (rc == 0)
		rc = keys_read(o, &f, e);
	*ret_keys = o->keys.n;
	pthread_mutex_unlock(&o->lock);
	return rc < 0 ? fault_of(e) : OIDC_FINE;
}

/* ---- the code ---- */

struct endpoints {
	char *token, *userinfo;
	bool says_iss, secret_form;
};

static void endpoints_release(struct endpoints *p)
{
	free(p->token);
	free(p->userinfo);
}

static enum oidc_fault endpoints_read(
	struct oidc *o, struct fetch *f, struct endpoints *ret, struct err *e)
{
	pthread_mutex_lock(&o->lock);
	enum oidc_fault fault = provider_need(o, f, e);
	if (fault == OIDC_FINE)
		*ret = (struct endpoints){ .token = xstrdup(o->provider.token),
			.userinfo = xstrdup(o->provider.userinfo),
			.says_iss = o->provider.says_iss,
			.secret_form = o->provider.secret_form };
	pthread_mutex_unlock(&o->lock);
	return fault;
}

static void form_field(struct buf *form, const char *name, const char *value)
{
	buf_addf(form, "%s%s=", form->len ? "&" : "", name);
	percent_encode(form, value);
}

static void form_write(const struct oidc *o, const struct oidc_flow *flow, const char *code,
	bool with_secret, struct buf *form)
{
	form_field(form, "grant_type", "authorization_code");
	form_field(form, "code", code);
	form_field(form, "redirect_uri", o->settings.redirect_uri);
	form_field(form, "code_verifier", flow->verifier);
	if (!with_secret)
		return;
	form_field(form, "client_id", o->settings.client_id);
	form_field(form, "client_secret", o->settings.secret);
}

/* What an OAuth error means to us. Its description is the provider's, or anybody's, text. */
static enum oidc_fault refusal_of(const struct http_result *res, struct err *e)
{
	CLEAN_JSON struct json_doc *doc =
		json_parse(buf_slice(&res->body).ptr, res->body.len, NULL, NULL);
	const char *word = doc ? json_get_string(json_root(doc), "error") : NULL;
	bool client = str_eq(word, "invalid_client") || str_eq(word, "unauthorized_client") ||
		      (!word && res->status == 401);
	bool code = str_eq(word, "invalid_grant");

	if (res->status >= 500) {
		err_set(e, ERR_NET, "token endpoint: HTTP %ld", res->status);
		return OIDC_UNREACHABLE;
	}
	err_set(e, ERR_PROTO, "token endpoint: HTTP %ld%s%s", res->status, word ? " " : "",
		!word                      ? ""
		: oidc_is_error_word(word) ? word
					   : "and an unreadable error");
	return client ? OIDC_CLIENT_REFUSED : code ? OIDC_CODE_REFUSED : OIDC_BROKEN;
}

static const struct http_result *code_send(struct oidc *o, struct fetch *f,
	const struct oidc_flow *flow, const char *code, const struct endpoints *p, struct err *e)
{
	struct buf form = BUF_INIT_SECRET(KIB(32)), id = BUF_INIT(KIB(4));
	struct buf secret = BUF_INIT_SECRET(KIB(4));

	percent_encode(&id, o->settings.client_id);
	percent_encode(&secret, o->settings.secret);
	form_write(o, flow, code, p->secret_form, &form);
	struct http_request r = { .method = "POST",
		.url = p->token,
		.body = buf_cstr(&form),
		.body_len = form.len,
		.user = p->secret_form ? NULL : buf_cstr(&id),
		.password = p->secret_form ? NULL : buf_cstr(&secret),
		.content_type = "application/x-www-form-urlencoded" };
	const struct http_result *res = fetch(f, &r, e);
	buf_release_wipe(&form);
	buf_release_wipe(&secret);
	buf_release(&id);
	return res;
}

/* The answer of the token endpoint, the caller's. */
static enum oidc_fault code_redeem(struct oidc *o, struct fetch *f, const struct oidc_flow *flow,
	const char *code, const struct endpoints *p, struct json_doc **ret, struct err *e)
{
	static const struct json_limits limits = { OIDC_ANSWER_MAX, ANSWER_DEPTH, ANSWER_NODES };
	const struct http_result *res = code_send(o, f, flow, code, p, e);
	struct err why = { 0 };

	if (!res) {
		err_wrap(e, "token endpoint");
		return fault_of(e);
	}
	if (res->status != 200)
		return refusal_of(res, e);
	*ret = json_parse(buf_slice(&res->body).ptr, res->body.len, &limits, &why);
	if (*ret && json_get_string(json_root(*ret), "id_token"))
		return OIDC_FINE;
	err_set(e, ERR_PROTO, "token endpoint: no ID token in its answer");
	return OIDC_BROKEN;
}

/* ---- the ID token, under the lock ---- */

static enum oidc_fault token_fault(const struct err *e)
{
	return err_is(e, ERR_TIMEOUT) ? OIDC_CLOCK : OIDC_TOKEN_BAD;
}

static enum oidc_fault keys_need(struct oidc *o, struct fetch *f, struct err *e)
{
	if (!is_over(o->keys_until) || keys_read(o, f, e) == 0)
		return OIDC_FINE;
	return fault_of(e);
}

/* A provider that took a new key into use: once, as anybody could send tokens of unknown keys. */
static bool keys_refresh(struct oidc *o, struct fetch *f)
{
	struct err unused = { 0 };

	if (!is_over(o->keys_again))
		return false;
	o->keys_again = mono_add(mono_now(), KEYS_AGAIN_US);
	return keys_read(o, f, &unused) == 0;
}

static enum oidc_fault token_check(struct oidc *o, struct fetch *f, const char *token,
	const struct id_token_wanted *w, struct json_doc **ret, struct err *e)
{
	size_t n = strlen(token);

	pthread_mutex_lock(&o->lock);
	enum oidc_fault fault = keys_need(o, f, e);
	if (fault == OIDC_FINE) {
		int rc = id_token_check(token, n, &o->keys, w, ret, e);

		if (rc < 0 && err_is(e, ERR_NOT_FOUND) && keys_refresh(o, f)) {
			err_clear(e);
			rc = id_token_check(token, n, &o->keys, w, ret, e);
		}
		fault = rc < 0 ? token_fault(e) : OIDC_FINE;
	}
	pthread_mutex_unlock(&o->lock);
	if (fault == OIDC_TOKEN_BAD || fault == OIDC_CLOCK)
		err_wrap(e, "ID token");
	return fault;
}

/* ---- claims ---- */

static enum oidc_fault userinfo_read(struct oidc *o, struct fetch *f, const char *url,
	const char *access_token, struct oidc_person *p, struct err *e)
{
	static const struct json_limits limits = { OIDC_ANSWER_MAX, ANSWER_DEPTH, ANSWER_NODES };
	struct http_request r = { .method = "GET", .url = url, .bearer = access_token };
	const struct http_result *res = fetch(f, &r, e);

	if (!res) {
		err_wrap(e, "userinfo endpoint");
		return fault_of(e);
	}
	if (res->status != 200) {
		err_set(e, ERR_PROTO, "userinfo endpoint: HTTP %ld", res->status);
		return OIDC_BROKEN;
	}
	CLEAN_JSON struct json_doc *doc =
		json_parse(buf_slice(&res->body).ptr, res->body.len, &limits, NULL);
	if (!doc) {
		err_set(e, ERR_PROTO, "userinfo endpoint: no JSON in its answer");
		return OIDC_BROKEN;
	}
	if (oidc_person_read(p, json_root(doc), &o->settings, e) == 0)
		return OIDC_FINE;
	err_wrap(e, "userinfo endpoint");
	return OIDC_BROKEN;
}

static enum oidc_fault person_read(struct oidc *o, struct fetch *f, const struct endpoints *p,
	const struct json_value *answer, const struct oidc_flow *flow, struct oidc_person *ret,
	struct err *e)
{
	const struct id_token_wanted w = { .issuer = o->settings.issuer,
		.client_id = o->settings.client_id,
		.nonce = flow->nonce,
		.now = wall_now() };
	const char *access_token = json_get_string(answer, "access_token");
	CLEAN_JSON struct json_doc *claims = NULL;
	enum oidc_fault fault =
		token_check(o, f, json_get_string(answer, "id_token"), &w, &claims, e);

	if (fault != OIDC_FINE)
		return fault;
	if (oidc_person_read(ret, json_root(claims), &o->settings, e) < 0) {
		err_wrap(e, "ID token");
		return OIDC_TOKEN_BAD;
	}
	if (oidc_person_complete(ret, &o->settings) || !p->userinfo || str_empty(access_token))
		return OIDC_FINE;
	return userinfo_read(o, f, p->userinfo, access_token, ret, e);
}

/* An answer of another provider must not make us send its code to ours, or ours to it. */
static bool iss_fits(const struct oidc *o, const struct endpoints *p, const char *iss)
{
	return iss ? str_eq(iss, o->settings.issuer) : !p->says_iss;
}

enum oidc_fault oidc_redeem(struct oidc *o, const struct oidc_flow *flow, const char *code,
	const char *iss, struct oidc_person *ret, struct err *e)
{
	CLEANUP(endpoints_release) struct endpoints p = { 0 };
	CLEAN_JSON struct json_doc *answer = NULL;
	CLEAN_FETCH struct fetch f = { 0 };

	if (open_fetch(o, &f, e) < 0)
		return OIDC_BROKEN;
	enum oidc_fault fault = endpoints_read(o, &f, &p, e);
	if (fault != OIDC_FINE)
		return fault;
	if (!iss_fits(o, &p, iss)) {
		err_set(e, ERR_AUTH, "parameter \"iss\": the answer is not that of \"%.200s\"",
			o->settings.issuer);
		return OIDC_TOKEN_BAD;
	}
	fault = code_redeem(o, &f, flow, code, &p, &answer, e);
	return fault == OIDC_FINE ? person_read(o, &f, &p, json_root(answer), flow, ret, e) : fault;
}
