/*
 * Environments of a repository and their rules: who must approve, how long a job waits at least,
 * and from which branches runs may come. What the rules mean for a job is coordinator/queue/gate.h.
 */
#ifndef COORDINATOR_ENVIRONMENT_ENVIRONMENT_H
#define COORDINATOR_ENVIRONMENT_ENVIRONMENT_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

enum {
	ENVIRONMENTS_MAX = 100, /* of a repository */
	ENVIRONMENT_NAME_MAX = 255,
	ENVIRONMENT_REVIEWERS_MAX = 50,
	ENVIRONMENT_BRANCHES_MAX = 100,
	ENVIRONMENT_WAIT_MINUTES_MAX = 43200,
};

struct environment_row {
	int64_t id, repo_id;
	char *name;
	int64_t wait_minutes; /* 0: none */
	struct wall created_at;
	struct strv reviewers; /* logins, one of whom has to approve; empty: nobody has to */
	struct strv branches;  /* patterns as in workflows; empty: any ref */
};
struct environment_list {
	struct environment_row *v;
	size_t n;
};
void environment_row_release(struct environment_row *r);
void environment_list_release(struct environment_list *l);

/* 1 to 255 bytes of UTF-8 without control characters and without blanks around. */
int environment_name_check(const char *name, struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND */
int store_environment_get(struct store *s, int64_t repo_id, const char *name,
	struct environment_row *ret, struct err *e) CHECK_RESULT;
/* The same, made without rules when there is none. ERR_LIMIT past ENVIRONMENTS_MAX, ERR_INPUT for a
 * bad name. */
int store_environment_use(struct store *s, int64_t repo_id, const char *name, struct wall now,
	struct environment_row *ret, struct err *e) CHECK_RESULT;
/* Replaces all rules of the environment r->id. */
int store_environment_rules(
	struct store *s, const struct environment_row *r, struct err *e) CHECK_RESULT;
int store_environment_list(
	struct store *s, int64_t repo_id, struct environment_list *ret, struct err *e) CHECK_RESULT;
/* With its secrets and variables. */
int store_environment_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;

#endif
