/*
 * A coordinator that serves git: octo/open (public), octo/closed and octo/vault (private), two
 * members of octo who may write: rita, whose token only reads, and wanda; a runner, and a work tree
 * to push from.
 */
#ifndef TESTS_UNIT_HELP_GIT_HTTP_HELP_H
#define TESTS_UNIT_HELP_GIT_HTTP_HELP_H

#include "base/http/http.h"
#include "coordinator/app/app.h"
#include "coordinator/store/run.h"
#include "tests/unit/help/git_tool.h"

struct git_http {
	struct git_tool *g;
	struct app app;
	struct http *http;
	char reader[PAT_TEXT_MAX], writer[PAT_TEXT_MAX];
	int64_t runner_id;
	char *work;
};
int git_http_setup(void **state);
int git_http_teardown(void **state);
void git_http_check(int rc, const struct err *e); /* fails the test when rc is -1 */

/* A user without any role, and a token of that user; its id. */
int64_t git_http_user(struct git_http *f, const char *login, unsigned scopes, char *token);

/* http://x:token@host/octo/name.git; token NULL: none. The caller's. */
char *git_http_url(struct git_http *f, const char *name, const char *token);
/* Runs git in the work tree; its exit status. */
int git_http_try(
	struct git_http *f, struct buf *out, const char *verb, const char *url, const char *ref);
void git_http_push(struct git_http *f, const char *name);       /* HEAD to trunk */
size_t git_http_runs(struct git_http *f, struct run_list *ret); /* how many */

#endif
