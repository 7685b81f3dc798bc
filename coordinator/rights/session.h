/* Sessions of browsers, and the passwords that begin them. Of a session's token only the SHA-256 is
 * stored. */
#ifndef COORDINATOR_RIGHTS_SESSION_H
#define COORDINATOR_RIGHTS_SESSION_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

#define SESSION_LIFETIME_US (14 * 24 * 3600 * USEC_PER_SEC)
enum { SESSION_AGENT_MAX = 200, SESSIONS_OF_USER = 50 };

struct session_row {
	int64_t id, user_id;
	char *login;
	bool site_admin;
	char *agent; /* what the browser called itself */
	struct wall created_at, expires_at;
	struct wall last_used_at; /* to a few minutes */
};
struct session_list {
	struct session_row *v;
	size_t n;
};
void session_row_release(struct session_row *r);
void session_list_release(struct session_list *l);

/* Removes sessions that are over, and the oldest of more than SESSIONS_OF_USER. digest: what the
 * password was checked against; ERR_AUTH when the user has another one now, or is disabled. */
int store_session_add(struct store *s, int64_t user_id, const char *digest,
	const unsigned char sha[SHA256_LEN], const char *agent, struct wall now,
	struct err *e) CHECK_RESULT;
/* The same for who came as this identity (identity.h). */
int store_session_add_linked(struct store *s, int64_t user_id, int64_t identity,
	const unsigned char sha[SHA256_LEN], const char *agent, struct wall now,
	struct err *e) CHECK_RESULT;
/* ERR_AUTH when unknown or over, or its user is disabled. Notes that it was used. */
int store_session_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct session_row *ret, struct err *e) CHECK_RESULT;
/* Newest first. */
int store_session_list(struct store *s, int64_t user_id, struct wall now, struct session_list *ret,
	struct err *e) CHECK_RESULT;
/* One of that user's. ERR_NOT_FOUND. */
int store_session_end(struct store *s, int64_t user_id, int64_t id, struct err *e) CHECK_RESULT;

/* digest: password.h; NULL: none, the user cannot sign in. All sessions of the user end. */
int store_password_set(
	struct store *s, int64_t user_id, const char *digest, struct err *e) CHECK_RESULT;
/* *ret_digest NULL, *ret_user 0: there is no such user, or it is disabled or has none. */
int store_password_get(struct store *s, const char *login, int64_t *ret_user, char **ret_digest,
	struct err *e) CHECK_RESULT;

#endif
