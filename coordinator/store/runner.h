/* Runners, their registration tokens (SHA-256 only) and the verbs on them. */
#ifndef COORDINATOR_STORE_RUNNER_H
#define COORDINATOR_STORE_RUNNER_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/store.h"

struct runner_row {
	int64_t id;
	char *name;
	struct strv labels;         /* that it serves now: what it said, as far as allowed */
	struct strv allowed_labels; /* set by operators alone */
	struct strv refused_labels; /* that it last said and may not serve */
	/* Its scope: jobs of that owner's repositories, or of that repository; neither: of all. */
	char *scope_owner;
	int64_t scope_repo_id;
	char *scope_repo; /* its full name */
	int64_t capacity;
	int64_t active_jobs; /* jobs that run on it now */
	char *host_name, *version;
	struct wall created_at, last_heartbeat_at, offline_at;
	struct wall drained_at, revoked_at;
	struct wall freed_at; /* a slot of it became free last, or its drain ended; 0: never */
	char *drain_reason, *revoke_reason;
	/* What keeps it from work, as it said at trouble_at; NULL: nothing. A heartbeat ends it. */
	char *trouble, *trouble_text;
	struct wall trouble_since, trouble_at;
	int64_t heartbeat_instance; /* lease.h: the serve that got its last heartbeat; 0: none */
	/* Heartbeats in the minute since then, whoever took them. */
	int64_t beats;
	struct wall beats_since;
};
struct runner_list {
	struct runner_row *v;
	size_t n;
};
void runner_row_release(struct runner_row *r);
void runner_list_release(struct runner_list *l);
/* For repositories of all; store_runner_scope narrows it. */
int store_runner_register(struct store *s, const char *name, const struct strv *labels,
	int64_t capacity, const unsigned char token_sha[SHA256_LEN], struct wall now,
	struct wall expires_at, int64_t *ret_id, struct err *e) CHECK_RESULT;
/* At registration: for one owner's repositories, or for one repository; not both. */
int store_runner_scope(struct store *s, int64_t id, const char *owner, int64_t repo_id,
	struct err *e) CHECK_RESULT;
/* What it may serve; its next heartbeat narrows that to what it says. */
int store_runner_set_labels(
	struct store *s, int64_t id, const struct strv *labels, struct err *e) CHECK_RESULT;
/* Those of the labels that the runner may serve, and the others (NULL: not wanted). */
void runner_narrow(const struct runner_row *r, const struct strv *labels, struct strv *ret_served,
	struct strv *ret_refused);
/* ERR_AUTH when the token is unknown, expired or revoked, or the runner is. */
int store_runner_by_token(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct runner_row *ret, struct err *e) CHECK_RESULT;
int store_runner_get(
	struct store *s, int64_t id, struct runner_row *ret, struct err *e) CHECK_RESULT;
int store_runner_list(struct store *s, struct runner_list *ret, struct err *e) CHECK_RESULT;
/* What a runner said of itself. */
struct runner_report {
	const struct strv *labels; /* NULL: not said, keeps what is known; so for the others */
	const struct strv *refused_labels; /* with labels: what was left out of them */
	int64_t capacity;                  /* 0: not said */
	const char *host_name, *version;
};
#define RUNNER_BEATS_US (60 * USEC_PER_SEC)
/* Who asks for work is well: this ends a trouble. */
int store_runner_heartbeat(struct store *s, int64_t id, const struct runner_report *h,
	struct wall now, struct err *e) CHECK_RESULT;
/* Why a runner asks for no work. */
struct runner_trouble {
	const char *kind, *text; /* kind: "disk", "engine", "machine", or a newer runner's word */
	struct wall since;       /* of the first report of its kind; later ones leave it */
};
int store_runner_trouble(struct store *s, int64_t id, const struct runner_trouble *t,
	struct wall now, struct err *e) CHECK_RESULT;
/* It said so since then and has asked for no work yet. */
bool runner_troubled(const struct runner_row *r, struct wall since);
/* "whose disk has been full": a sentence goes on with since when, or for how long. */
const char *runner_trouble_words(const char *kind);
/* The runner verbs; ERR_NOT_FOUND without such a runner, ERR_CONFLICT on a revoked one. */
int store_runner_drain(struct store *s, int64_t id, const char *reason, struct wall now,
	struct err *e) CHECK_RESULT;
int store_runner_undrain(struct store *s, int64_t id, struct wall now, struct err *e) CHECK_RESULT;
/* Revokes every older registration token of the runner. */
int store_runner_rotate(struct store *s, int64_t id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e) CHECK_RESULT;
int store_runner_revoke(struct store *s, int64_t id, const char *reason, struct wall now,
	struct err *e) CHECK_RESULT;
/* The job's runner has a slot free again; call it while the job still names its runner. */
int store_runner_freed(
	struct store *s, int64_t job_id, struct wall now, struct err *e) CHECK_RESULT;
/* Marks runners offline whose last heartbeat is older than `before`; *ret_count of them. */
int store_runner_cleanup_stale(struct store *s, struct wall before, struct wall now,
	int64_t *ret_count, struct err *e) CHECK_RESULT;

#endif
