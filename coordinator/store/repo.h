/* Repositories. */
#ifndef COORDINATOR_STORE_REPO_H
#define COORDINATOR_STORE_REPO_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

struct repo_row {
	int64_t id, owner_id;
	char *owner, *name;
	bool private;
	char *default_branch;
	struct wall created_at;
};
struct repo_list {
	struct repo_row *v;
	size_t n;
};
void repo_row_release(struct repo_row *r);
void repo_list_release(struct repo_list *l);
/* Names compare without case. ERR_CONFLICT if there is one. An owner that does not exist yet
 * becomes an organisation. */
int store_repo_add(struct store *s, const char *owner, const char *name, bool private,
	const char *default_branch, struct wall now, int64_t *ret_id, struct err *e) CHECK_RESULT;
int store_repo_find(struct store *s, const char *owner, const char *name, struct repo_row *ret,
	struct err *e) CHECK_RESULT;
int store_repo_get(struct store *s, int64_t id, struct repo_row *ret, struct err *e) CHECK_RESULT;
int store_repo_list(struct store *s, struct repo_list *ret, struct err *e) CHECK_RESULT;
int store_repo_set_private(struct store *s, int64_t id, bool private, struct err *e) CHECK_RESULT;
/* Its runs, those that are not over, and the runners that are its own and not revoked. */
int store_repo_counts(struct store *s, int64_t id, int64_t *ret_runs, int64_t *ret_open,
	int64_t *ret_runners, struct err *e) CHECK_RESULT;

/* Of a token that shows the repository's badge and nothing else; sha NULL: none does any more. */
int store_repo_badge_set(
	struct store *s, int64_t id, const unsigned char *sha, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND unless the token is of that repository. */
int store_repo_by_badge(struct store *s, const char *owner, const char *name,
	const unsigned char sha[SHA256_LEN], struct repo_row *ret, struct err *e) CHECK_RESULT;

#endif
