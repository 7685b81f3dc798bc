/*
 * Bodies of the calls about pull requests, by strict tables as in body.h. What a host sends of a
 * pull request was written by anybody: each text has a cap, logins and repositories have a form.
 */
#ifndef COORDINATOR_API_PULL_BODY_H
#define COORDINATOR_API_PULL_BODY_H

#include "base/json.h"
#include "base/util.h"

enum {
	PULL_TITLE_MAX = 1024, /* bytes, as all of these */
	PULL_TEXT_MAX = 64 * 1024,
	PULL_LABELS_MAX = 100,
	PULL_LABEL_MAX = 200,
	PULL_LOGIN_MAX = 100,
	PULL_REF_MAX = 250,
};
struct pull_body {
	int64_t number; /* 0: not given */
	char *action, *title, *text /* `body` */, *author, *association, *sender, *label;
	char *merge_sha;
	struct strv labels;
	struct {
		char *sha, *ref, *repo; /* repo NULL: the same repository */
	} head;
	struct {
		char *ref, *sha; /* sha NULL: not given */
	} base;
	bool draft, merged;
};
int pull_body_parse(struct slice text, struct pull_body *ret, struct err *e) CHECK_RESULT;
void pull_body_release(struct pull_body *b);

/* {reason?, secrets?}; an empty body is {} */
struct approve_body {
	char *reason; /* NULL: none */
	bool secrets;
};
int approve_parse(struct slice text, struct approve_body *ret, struct err *e) CHECK_RESULT;
void approve_release(struct approve_body *b);

#endif
