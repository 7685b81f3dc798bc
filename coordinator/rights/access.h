/*
 * Who may what with a repository. Of a user's roles the strongest counts: that of the owner and of
 * a site admin is ROLE_ADMIN, a member has that of the membership, a collaborator his own, and
 * everybody reads what is public.
 *
 * One query answers for what was asked for, however it was named, and in the same way whether it
 * exists or is hidden: an answer must not tell one from the other.
 */
#ifndef COORDINATOR_RIGHTS_ACCESS_H
#define COORDINATOR_RIGHTS_ACCESS_H

#include "base/clock.h"
#include "coordinator/store/store.h"

/* Each includes those before it. READ: fetch, read runs and logs; WRITE: push, start, cancel and
 * repeat runs, approve; ADMIN: change the repository itself, by the admin verbs about it. */
enum role { ROLE_NONE, ROLE_READ, ROLE_WRITE, ROLE_ADMIN };
const char *role_text(enum role r); /* "none", "read", … */
/* ERR_INPUT unless read, write or admin. */
int role_parse(const char *text, enum role *ret, struct err *e) CHECK_RESULT;

struct access_row {
	int64_t repo_id; /* 0: there is no such thing */
	int64_t role;    /* enum role */
	bool public;     /* everybody may read it */
};
/* user_id 0: somebody without a name. What does not exist is no error: all is 0. A disabled user
 * is somebody without a name. */
int store_access_repo(struct store *s, int64_t user_id, int64_t repo_id, struct access_row *ret,
	struct err *e) CHECK_RESULT;
int store_access_named(struct store *s, int64_t user_id, const char *owner, const char *name,
	struct access_row *ret, struct err *e) CHECK_RESULT;
int store_access_run(struct store *s, int64_t user_id, int64_t run_id, struct access_row *ret,
	struct err *e) CHECK_RESULT;
int store_access_job(struct store *s, int64_t user_id, int64_t job_id, struct access_row *ret,
	struct err *e) CHECK_RESULT;

/* What a user may read, by owner and name. */
struct readable_row {
	int64_t repo_id;
	char *owner, *name;
	bool private;
};
struct readable_list {
	struct readable_row *v;
	size_t n;
};
void readable_list_release(struct readable_list *l);
/* Behind owner/name ("" and "": from the start), at most limit of them. */
struct readable_spec {
	int64_t user_id; /* 0: somebody without a name */
	const char *owner, *name;
	int64_t limit;
};
int store_readable_list(struct store *s, const struct readable_spec *spec,
	struct readable_list *ret, struct err *e) CHECK_RESULT;

int store_collaborator_set(struct store *s, int64_t repo_id, int64_t user_id, enum role role,
	struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND if there is no such collaborator. */
int store_collaborator_remove(
	struct store *s, int64_t repo_id, int64_t user_id, struct err *e) CHECK_RESULT;

/* Everybody with a role on a repository, and where it comes from. */
struct grant_row {
	char *login;
	int64_t role;  /* enum role */
	char *through; /* "owner", "member", "collaborator", "site admin" */
	bool disabled;
};
struct grant_list {
	struct grant_row *v;
	size_t n;
};
void grant_list_release(struct grant_list *l);
int store_grant_list(
	struct store *s, int64_t repo_id, struct grant_list *ret, struct err *e) CHECK_RESULT;

#endif
