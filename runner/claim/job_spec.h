/*
 * A claimed job as typed, bounded data: the only reader of the claim's JSON. Pure: bytes in, struct
 * or reason out. Everything in it is untrusted text that passed a cap; paths and URLs are checked
 * here once, so later code may rely on them (working_directory stays inside the workspace, exactly
 * one of run/uses is set, ids are positive).
 *
 * Runs in the job process; the supervisor reads only what claim/identity.h finds.
 */
#ifndef RUNNER_CLAIM_JOB_SPEC_H
#define RUNNER_CLAIM_JOB_SPEC_H

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
	/* instead of timeout_minutes and continue_on_error, until the step begins; NULL: none */
	char *timeout_expression, *continue_expression;
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
	struct pairs outputs; /* ours: what context/outputs.h renders; empty: nobody asks */
	char *actor, *triggering_actor; /* ours; NULL: as the event says */
	char *trust; /* ours, of pull requests: trusted, untrusted, approved; NULL: not said */
	int64_t run_attempt; /* ours, from 1; 0: not given */
	char *runner_name;   /* ours: what the coordinator calls this runner */
	char *needs_status;  /* ours: success, failure, cancelled, skipped; NULL: success, else none
				of them */
	int64_t timeout_minutes; /* 1..4320 */
	struct pairs secrets, env;
	struct strv mask_values;
	struct step_list steps;
	/* borrowed from doc, NULL if absent; all but the first are our coordinator's extensions */
	const struct json_value *event_payload;
	bool matrix_tainted; /* matrix holds values from outside */
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

#endif
