/*
 * The payload of an event, as workflows read it under github.event: one writer for the coordinator
 * and for local runs. docs/EXPRESSIONS.md names the members. Pure.
 */
#ifndef WORKFLOW_EVENT_H
#define WORKFLOW_EVENT_H

#include "base/json.h"

#define EVENT_NO_COMMIT "0000000000000000000000000000000000000000"

/* UTF-8 texts; what is not known is NULL and left out. */
struct event_commit {
	const char *id, *tree, *message, *timestamp; /* timestamp: RFC 3339 */
	const char *author_name, *author_email, *committer_name, *committer_email;
	bool distinct; /* no other branch had it before */
};

/* A pull request as its host tells of it. */
struct event_pull {
	int64_t number;
	const char *action, *title, *body, *author, *association;
	const char *head_sha, *head_ref, *head_repo; /* head_repo: owner/name */
	const char *base_sha, *base_ref;
	const char *merge_sha; /* of a commit that merges it; NULL: none is known */
	const char *before;    /* synchronize: the head before */
	const char *label;     /* labeled, unlabeled: which one */
	const struct strv *labels;
	bool fork, draft, closed, merged;
};

struct event_facts {
	const char *name; /* push, pull_request, workflow_dispatch, schedule */
	const char *server_url, *repository /* owner/name */, *default_branch;
	int64_t repository_id;
	bool private_known, private;
	const char *actor; /* NULL or "": unknown */
	const char *ref, *workflow_file;
	/* push */
	const char *before, *after;         /* before NULL: EVENT_NO_COMMIT */
	const struct event_commit *commits; /* oldest first */
	size_t n_commits;
	const struct event_commit *head; /* NULL: only its id is known, `after` */
	bool forced;
	/* workflow_dispatch, schedule */
	const struct pairs *inputs;
	const char *cron;
	const struct event_pull
		*pull; /* NULL: a local run, which makes one up from ref and after */
};

/* Writes the payload: the members of `given` (NULL: none), and what it does not have. The inputs of
 * the facts stand in place of given ones. */
void event_payload_write(
	struct json_writer *w, const struct event_facts *f, const struct json_value *given);

/* The object `pull_request` of such a payload; for event.c. */
void event_pull_write(struct json_writer *w, const struct event_facts *f);

#endif
