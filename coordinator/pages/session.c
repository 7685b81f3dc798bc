/*
 * A cookie that is no good is as if there were none: public pages stay readable with it. The token
 * of forms is derived from the session's, so that a page that leaks the one does not leak the
 * other.
 */
#include "coordinator/pages/session.h"

#include <inttypes.h>

#include "base/log.h"
#include "coordinator/rights/session.h"

#define PLAIN_NAME "shithub_session"
#define SECURE_NAME "__Host-" PLAIN_NAME

static bool is_secure(const struct app *a)
{
	return str_starts(a->public_url, "https://");
}

static const char *cookie_name(const struct app *a)
{
	return is_secure(a) ? SECURE_NAME : PLAIN_NAME;
}

/* 64 hex digits, or false. */
static bool cookie_read(const struct app *a, const struct httpd_request *r, char out[TOKEN_HEX_MAX])
{
	const char *name = cookie_name(a), *at = httpd_header(r, "Cookie");
	size_t n = strlen(name);

	while (at) {
		at += strspn(at, "; ");
		size_t len = strcspn(at, ";");

		if (len == n + TOKEN_HEX_MAX && strncmp(at, name, n) == 0 && at[n] == '=') {
			memcpy(out, at + n + 1, TOKEN_HEX_MAX - 1);
			out[TOKEN_HEX_MAX - 1] = '\0';
			return true;
		}
		at = strchr(at, ';');
	}
	return false;
}

static void form_token(const char *token, char out[TOKEN_HEX_MAX])
{
	unsigned char sha[SHA256_LEN];
	CLEAN_SECRET char *text = xasprintf("form %s", token);

	token_hash(text, sha);
	hex_encode(sha, SHA256_LEN, out);
}

void session_viewer(struct app *a, struct httpd_request *r, struct viewer *ret)
{
	CLEANUP(session_row_release) struct session_row row = { 0 };
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };

	if (!cookie_read(a, r, token))
		return;
	token_hash(token, sha);
	if (store_session_find(a->store, sha, wall_now(), &row, &e) < 0) {
		if (!err_is(&e, ERR_AUTH))
			log_warn("pages", "session_not_found", F_ERR(&e));
		return;
	}
	ret->known = true;
	ret->session = row.id;
	ret->who = (struct pat_row){ .user_id = row.user_id,
		.login = TAKE(row.login),
		.site_admin = row.site_admin,
		.scopes = SCOPE_REPO_READ | SCOPE_REPO_WRITE };
	form_token(token, ret->form_token);
	wipe(token, sizeof(token));
	httpd_trust(r);
}

static void set_cookie(struct app *a, struct httpd_request *r, const char *value, int64_t seconds)
{
	CLEAN_SECRET char *cookie =
		xasprintf("%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Lax%s",
			cookie_name(a), value, seconds, is_secure(a) ? "; Secure" : "");

	httpd_add_header(r, "Set-Cookie", cookie);
}

int session_begin(
	struct app *a, struct httpd_request *r, int64_t user_id, const char *digest, struct err *e)
{
	const char *agent = httpd_header(r, "User-Agent");
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];

	token_random(token);
	token_hash(token, sha);
	if (store_session_add(a->store, user_id, digest, sha, agent ? agent : "", wall_now(), e) <
		0)
		return -1;
	set_cookie(a, r, token, SESSION_LIFETIME_US / USEC_PER_SEC);
	wipe(token, sizeof(token));
	return 0;
}

void session_forget(struct app *a, struct httpd_request *r)
{
	set_cookie(a, r, "", 0);
}
