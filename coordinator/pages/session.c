/*
 * A cookie that is no good is as if there were none: public pages stay readable with it. The token
 * of forms is derived from the session's, so that a page that leaks the one does not leak the
 * other.
 */
#include "coordinator/pages/session.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/utf8.h"
#include "coordinator/rights/session.h"

#define NAME "shithub_session"
#define SECURE_PREFIX "__Host-"

/* ---- cookies ---- */

static bool is_secure(const struct app *a)
{
	return str_starts(a->public_url, "https://");
}

static const char *prefix(const struct app *a)
{
	return is_secure(a) ? SECURE_PREFIX : "";
}

char *cookie_get(const struct app *a, const struct httpd_request *r, const char *name, size_t max)
{
	CLEAN_STR char *full = xasprintf("%s%s=", prefix(a), name);
	const char *at = httpd_header(r, "Cookie");
	size_t n = strlen(full);

	while (at) {
		at += strspn(at, "; ");
		size_t len = strcspn(at, ";");

		if (len >= n && len - n <= max && strncmp(at, full, n) == 0 &&
			utf8_valid(at + n, len - n))
			return xstrndup(at + n, len - n);
		at = strchr(at, ';');
	}
	return NULL;
}

void cookie_set(struct app *a, struct httpd_request *r, const char *name, const char *value,
	int64_t seconds)
{
	CLEAN_SECRET char *cookie =
		xasprintf("%s%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Lax%s",
			prefix(a), name, value, seconds, is_secure(a) ? "; Secure" : "");

	httpd_add_header(r, "Set-Cookie", cookie);
}

/* ---- sessions ---- */

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
	CLEAN_SECRET char *token = cookie_get(a, r, NAME, TOKEN_HEX_MAX - 1);
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };

	if (!token || strlen(token) != TOKEN_HEX_MAX - 1)
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
	httpd_trust(r);
}

/* The digest of a new token, which goes into the cookie. */
static void token_make(char token[TOKEN_HEX_MAX], unsigned char sha[SHA256_LEN])
{
	token_random(token);
	token_hash(token, sha);
}

static int token_hand_out(struct app *a, struct httpd_request *r, char token[TOKEN_HEX_MAX], int rc)
{
	if (rc == 0)
		cookie_set(a, r, NAME, token, SESSION_LIFETIME_US / USEC_PER_SEC);
	wipe(token, TOKEN_HEX_MAX);
	return rc;
}

static const char *agent_of(const struct httpd_request *r)
{
	const char *agent = httpd_header(r, "User-Agent");

	return agent ? agent : "";
}

int session_begin(
	struct app *a, struct httpd_request *r, int64_t user_id, const char *digest, struct err *e)
{
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];

	token_make(token, sha);
	return token_hand_out(a, r, token,
		store_session_add(a->store, user_id, digest, sha, agent_of(r), wall_now(), e));
}

int session_begin_linked(
	struct app *a, struct httpd_request *r, int64_t user_id, int64_t identity, struct err *e)
{
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];

	token_make(token, sha);
	return token_hand_out(a, r, token,
		store_session_add_linked(
			a->store, user_id, identity, sha, agent_of(r), wall_now(), e));
}

void session_forget(struct app *a, struct httpd_request *r)
{
	cookie_set(a, r, NAME, "", 0);
}
