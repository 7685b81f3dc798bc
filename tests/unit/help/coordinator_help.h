/*
 * A coordinator inside the test process: a temporary data folder, a store with one repository and
 * one runner, and on demand the HTTP server and a client on the same loop. Every helper fails the
 * test by itself.
 */
#ifndef TESTS_UNIT_HELP_COORDINATOR_HELP_H
#define TESTS_UNIT_HELP_COORDINATOR_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/http/http.h"
#include "base/json.h"
#include "base/limits.h"
#include "coordinator/app/app.h"
#include "coordinator/app/token.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/job.h"

#define SHA_A "a1ad3b5f070c26ae9286b36f9a13c0d850b18cf4"
#define must(call) assert_int_equal(0, (call))
#define must_err(call)                                     \
	do {                                               \
		if ((call) != 0)                           \
			fail_msg("%s: %s", #call, e.text); \
	} while (0)

struct world {
	char dir[64];
	struct app app;
	struct http *client;
	char base[80];
	int64_t repo_id, runner_id;
	char runner_token[TOKEN_HEX_MAX];
};
void world_open(struct world *w); /* repository alice/demo, runner r1: linux, x64, capacity 2 */
/* A token of that user, who is made if there is none. */
void world_pat(struct world *w, const char *login, unsigned scopes, char out[PAT_TEXT_MAX]);
int64_t world_user(struct world *w, const char *login, bool site_admin);
void world_serve(struct world *w); /* loop, server and client */
/* What the triggers count is what counting gives; world_close asks, whatever a test did to the
 * jobs.
 */
void world_counts_check(struct world *w);
void world_close(struct world *w);
struct strv labels_of(const char *text); /* "a,b"; the caller's */
int64_t world_runner(struct world *w, const char *name, const char *labels, int64_t capacity,
	char token[TOKEN_HEX_MAX]);
/* A run of jobs given as "key:label&label:need+need" each, with two steps a job. */
struct run_created world_run(struct world *w, const char *event, size_t n, const char *const *jobs);
#define RUN(w, ...)                                                        \
	world_run(w, "push", ARRAY_LEN(((const char *[]){ __VA_ARGS__ })), \
		(const char *[]){ __VA_ARGS__ })
/* Of runner r1, through the store; labels as in labels_of. */
void world_claim(struct world *w, const char *labels, struct job_row *ret);
void world_finish(struct world *w, int64_t job_id, enum conclusion c);
int64_t world_job(struct world *w, int64_t run_id, const char *key); /* its id */
/* "queued" or "completed/success" of a run's job; of the run itself with key NULL. Static text. */
const char *world_state(struct world *w, int64_t run_id, const char *key);

/* ---- the client ---- */

struct call_spec {
	const char *method, *path, *token, *body, *key, *prefer;
	const char *header; /* one more, "Name: value"; NULL: none */
	size_t body_len;    /* 0: strlen(body) */
};
struct http_exchange *call_start(struct world *w, const struct call_spec *c);
/* Status, and the answer parsed in *ret (NULL: dropped). */
long call_do(struct world *w, const struct call_spec *c, struct json_doc **ret);
/* A job call along the chain: token is replaced by next_token when there is one. */
long chain_call(struct world *w, const char *path, char *token, size_t n, const char *body,
	const char *key);

struct claimed {
	int64_t job_id, run_id, step_ids[2];
	char token[2048], checkout[2048];
};
void claim_take(struct claimed *ret, const struct json_doc *d);
/* Status; the claim in *ret when there was one. */
long heartbeat(struct world *w, const char *token, const char *body, struct claimed *ret);

#endif
