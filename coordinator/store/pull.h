/*
 * Pull requests: what is known of each one, which of its commits somebody approved, and the answers
 * to the host's events, kept for a repeat. Whose code a run executes stands with the run (run.h).
 */
#ifndef COORDINATOR_STORE_PULL_H
#define COORDINATOR_STORE_PULL_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

struct pull_row {
	int64_t id, repo_id, number;
	bool reported; /* the host sent an event of it; else only its ref was pushed */
	char *author;  /* login; NULL: not known */
	char *head_sha;
	char *base_ref; /* name of a branch */
	bool closed, merged;
	struct wall created_at, updated_at;
};
void pull_row_release(struct pull_row *r);
/* 1 and *ret, 0 there is none, -1. */
int store_pull_find(struct store *s, int64_t repo_id, int64_t number, struct pull_row *ret,
	struct err *e) CHECK_RESULT;
/* Adds or updates it by repository and number; id and times are the store's. */
int store_pull_set(
	struct store *s, const struct pull_row *row, struct wall now, struct err *e) CHECK_RESULT;
/* Was a pull request of this author merged here? Any but that number. */
int store_pull_author_known(struct store *s, int64_t repo_id, const char *author, int64_t but,
	bool *ret, struct err *e) CHECK_RESULT;
/* Did the repository's host ever send an event? */
int store_pull_reported(struct store *s, int64_t repo_id, bool *ret, struct err *e) CHECK_RESULT;
/* Runs of it that are not over. */
int store_pull_open_runs(
	struct store *s, int64_t repo_id, int64_t number, int64_t *ret, struct err *e) CHECK_RESULT;

struct approval_row {
	int64_t repo_id, number;
	char *head_sha, *approved_by;
	char *reason; /* NULL: none */
	bool secrets; /* its jobs get them, too */
	struct wall created_at;
};
void approval_row_release(struct approval_row *r);
/* 1 and *ret, 0 nobody approved this commit of it, -1. */
int store_approval_find(struct store *s, int64_t repo_id, int64_t number, const char *head_sha,
	struct approval_row *ret, struct err *e) CHECK_RESULT;
/* Once with secrets stays with secrets. */
int store_approval_add(struct store *s, const struct approval_row *row, struct err *e) CHECK_RESULT;

/* The answer to an event that came with this key: 1 and *ret_answer (the caller's), 0 it is new,
 * -1; ERR_CONFLICT when it had another body. */
int store_delivery_find(struct store *s, int64_t repo_id, const char *key,
	const unsigned char body_sha[SHA256_LEN], char **ret_answer, struct err *e) CHECK_RESULT;
/* Forgets those that are older than DELIVERY_KEPT_US. */
#define DELIVERY_KEPT_US (7 * 24 * 3600 * USEC_PER_SEC)
int store_delivery_add(struct store *s, int64_t repo_id, const char *key,
	const unsigned char body_sha[SHA256_LEN], const char *answer, struct wall now,
	struct err *e) CHECK_RESULT;

#endif
