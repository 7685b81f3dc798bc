/*
 * The `shithub` and `runner` contexts and the SHITHUB_*, GITHUB_* and RUNNER_* variables, all from
 * one table (shithub.c), for everybody who renders a text: the coordinator and `exec` before a job
 * runs, the job process while it runs. docs/EXPRESSIONS.md lists them; a test compares the two.
 *
 * Whoever calls fills in the facts that it has. A fact that is not known yet is null in a context
 * and no variable.
 */
#ifndef WORKFLOW_SHITHUB_H
#define WORKFLOW_SHITHUB_H

#include "base/json.h"
#include "workflow/expr/expr.h"

struct shithub_facts {
	/* the run */
	const char *event_name, *sha, *ref;
	const char *repository;       /* owner/name */
	const char *server_url;       /* without a slash at the end */
	const char *actor;            /* NULL or "": whom the event names */
	const char *trust;            /* of a pull request: trusted, untrusted, approved; or NULL */
	const char *triggering_actor; /* who asked for this attempt; NULL or "": the actor */
	const char *workflow;         /* its name; NULL or "": its file's path */
	const char *workflow_file;
	int64_t repository_id, run_id, run_number, run_attempt; /* 0: not known */
	const struct json_value *event; /* the payload, tainted; NULL: no such member */
	const char *job;                /* its key */
	/* the machine; only in steps and what else the runner renders */
	struct {
		const char *name, *os, *arch, *temp, *tool_cache, *workspace, *environment;
		bool debug;
	} runner;
	const char *token; /* secret */
	const char *workspace, *event_path;
	/* the step */
	const char *action; /* its name, as GITHUB_ACTION has it; NULL: no step */
	const char *uses;   /* owner/name@ref; NULL: a script */
	const char *files;  /* folder of its command files; NULL: it has none */
};

/* The contexts. They copy what they need into the arena, but `event` if it is given as a value. */
struct expr_value shithub_context(const struct shithub_facts *f, struct expr_arena *a);
/* The same with an event that was read before; f->event is still where other members come from. */
struct expr_value shithub_context_with(
	const struct shithub_facts *f, const struct expr_value *event, struct expr_arena *a);
struct expr_value runner_context(const struct shithub_facts *f, struct expr_arena *a);

/* Adds every variable whose fact is known: each of `shithub` as SHITHUB_* and as GITHUB_*. Those of
 * command files stand apart, because nothing may replace them. */
void shithub_variables(const struct shithub_facts *f, struct pairs *ret);
void shithub_file_variables(const struct shithub_facts *f, struct pairs *ret);

/* Facts out of https://host/owner/name.git; "" when it is none. The caller frees them. */
char *shithub_repository_of(const char *url) CHECK_RESULT;
char *shithub_server_of(const char *url) CHECK_RESULT;

#endif
