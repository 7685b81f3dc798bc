/*
 * What a local run is told by flags, turned into an event: NAME=VALUE pairs, secret files, the
 * choice of the event, a dispatch's inputs. Reads the files that flags name, nothing else.
 */
#ifndef RUNNER_LOCAL_OPTIONS_H
#define RUNNER_LOCAL_OPTIONS_H

#include "runner/local/plan.h"

/* "--env": each text as NAME=VALUE with a plain name. from_environment: a bare NAME takes the value
 * of that environment variable. */
int local_pairs_read(struct pairs *ret, const char *flag, const struct strv *texts,
	bool from_environment, struct err *e) CHECK_RESULT;

/* Lines NAME=VALUE; blank lines and # comments are skipped; a value in double quotes may hold \n \"
 * \\, one in single quotes is taken as it is. Pure. Errors name line and what was expected, never
 * the value. */
int local_secrets_parse(struct pairs *ret, const char *text, size_t n, struct err *e) CHECK_RESULT;
int local_secrets_read(struct pairs *ret, const char *path, struct err *e) CHECK_RESULT;

/* wanted NULL: the first of push, pull_request, workflow_dispatch, schedule that the workflow has.
 * A constant in *ret. */
int local_event_choose(
	const struct workflow *w, const char *wanted, const char **ret, struct err *e) CHECK_RESULT;

/* Every input of the workflow: given, default, or what nothing is for its type. given_json: those
 * of the payload, weaker than given; NULL fine. */
int local_inputs_complete(const struct workflow *w, const struct pairs *given,
	const struct json_value *given_json, struct pairs *ret, struct err *e) CHECK_RESULT;

/* A JSON object; free it. */
struct json_doc *local_payload_read(const char *path, struct err *e) CHECK_RESULT;

#endif
