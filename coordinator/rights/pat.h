/* Personal access tokens of users; only their SHA-256 is stored. */
#ifndef COORDINATOR_RIGHTS_PAT_H
#define COORDINATOR_RIGHTS_PAT_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

/* What a token may at most; what its user may not, no scope gives. */
enum scope {
	SCOPE_REPO_READ = 1,
	SCOPE_REPO_WRITE = 2, /* set together with SCOPE_REPO_READ */
	SCOPE_ADMIN = 4,      /* the admin verbs, of a site admin */
	SCOPE_REPO_ADMIN = 8, /* set together with SCOPE_REPO_WRITE: those about a repository */
};
struct pat_row {
	int64_t id, user_id;
	char *login; /* of the user: the actor of what it does */
	bool site_admin;
	char *name;     /* what the user calls the token */
	int64_t scopes; /* enum scope bits */
	struct wall created_at, expires_at, revoked_at;
	struct wall last_used_at; /* to the minute */
};
struct pat_list {
	struct pat_row *v;
	size_t n;
};
void pat_row_release(struct pat_row *r);
void pat_list_release(struct pat_list *l);

struct pat_spec {
	int64_t user_id;
	const char *name;
	const unsigned char *sha; /* SHA256_LEN bytes */
	unsigned scopes;
	struct wall expires_at; /* us 0: never */
};
int store_pat_add(struct store *s, const struct pat_spec *p, struct wall now, int64_t *ret_id,
	struct err *e) CHECK_RESULT;
/* ERR_AUTH when unknown, expired or revoked, or its user is disabled. */
int store_pat_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct pat_row *ret, struct err *e) CHECK_RESULT;
/* The same by id: is a token that was good a while ago still good? */
int store_pat_again(struct store *s, int64_t id, struct wall now, struct pat_row *ret,
	struct err *e) CHECK_RESULT;
/* Oldest first, the revoked and expired ones too; user_id 0: of all. */
int store_pat_list(
	struct store *s, int64_t user_id, struct pat_list *ret, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND, ERR_CONFLICT if it is revoked already. */
int store_pat_revoke(struct store *s, int64_t id, struct wall now, struct err *e) CHECK_RESULT;
/* Records the use, at most once a minute: between them it writes nothing. */
int store_pat_used(
	struct store *s, const struct pat_row *pat, struct wall now, struct err *e) CHECK_RESULT;

#endif
