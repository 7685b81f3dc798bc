/*
 * A claimed job as typed, bounded data: the only reader of the claim's JSON. Pure: bytes in, struct
 * or reason out. Everything in it is untrusted text that passed a cap; paths and URLs are checked
 * here once, so later code may rely on them (working_directory stays inside the workspace, exactly
 * one of run/uses is set, ids are positive).
 *
 * Source: PROTOCOL.md "Endpoints" (job, step). Runs in the job process; the supervisor uses only
 * claim_identity, which reads nothing but the ids and the token.
 */
#ifndef RUNNER_JOB_SPEC_H
#define RUNNER_JOB_SPEC_H

#include "base/json.h"

struct step_spec {
	int64_t id;    /* the coordinator's row, used on the wire */
	int64_t index; /* position as the coordinator counts */
	char *step_id; /* the author's `id:`, may be NULL */
	char *name, *condition;
	char *run, *uses;        /* exactly one */
	char *working_directory; /* relative, inside the workspace; NULL: the workspace */
	struct pairs env, with;
	bool continue_on_error;
	/* our coordinator's extensions */
	char *shell;             /* NULL: bash */
	int64_t timeout_minutes; /* 0: none of its own */
};

struct step_list {
	struct step_spec *v;
	size_t n;
};

struct job_spec {
	int64_t id, run_id, repo_id, run_index;
	char *workflow_file, *workflow_name;
	char *checkout_url, *checkout_token;
	char *head_sha, *head_ref, *event;
	char *job_key, *job_name, *condition;
	struct pairs outputs; /* ours: what job_outputs.h renders; empty: nobody asks */
	char *needs_status; /* ours: success, failure, skipped; NULL: success, else none of them */
	int64_t timeout_minutes; /* 1..4320 */
	struct pairs secrets, env;
	struct strv mask_values;
	struct step_list steps;
	/* borrowed from doc, NULL if absent; all but the first are our coordinator's extensions */
	const struct json_value *event_payload;
	const struct json_value *vars, *inputs, *matrix, *strategy, *needs_context;
	struct json_doc *doc;
	char *token; /* first job token */
};

/* NULL with ERR_INPUT/ERR_LIMIT and the field's name: `job.steps[2].run: …`. */
struct job_spec *job_spec_parse(const char *claim, size_t n, struct err *e) CHECK_RESULT;
void job_spec_free(struct job_spec *s); /* wipes tokens and secrets; NULL fine */
static inline void job_spec_freep(struct job_spec **s)
{
	job_spec_free(*s);
	*s = NULL;
}

/* Can it be sent as a bearer token? NULL: no. */
bool job_token_ok(const char *token);

/* What can still be told from a claim that is malformed, too large or cut: enough to report it. */
struct claim_identity {
	int64_t job_id, run_id, step_id; /* 0: not found; step_id: the first step's */
	char *token;                     /* NULL: not found */
};
void claim_identity_scan(const char *claim, size_t n, struct claim_identity *ret);
void claim_identity_release(struct claim_identity *i);

#endif
