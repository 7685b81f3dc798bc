/*
 * GET /{owner}/{name}/badge.svg. A page that shows the badge cannot send a header, so a private
 * repository's badge takes a token in the query that shows the badge and nothing else.
 */
#include "coordinator/api/api.h"

#include <stdio.h>

#include "coordinator/api/reader.h"
#include "coordinator/view/badge.h"
#include "coordinator/view/check.h"

static int repo_of(struct app *a, struct httpd_request *r, struct repo_row *ret, struct err *e)
{
	const char *token = httpd_query(r, "token");
	unsigned char sha[SHA256_LEN];

	if (!token)
		return reader_repo(a, r, ret, e);
	token_hash(token, sha);
	if (store_repo_by_badge(
		    a->store, httpd_param(r, "owner"), httpd_param(r, "name"), sha, ret, e) == 0)
		return 0;
	/* the words of reader_repo */
	return err_is(e, ERR_NOT_FOUND) ? err_set(e, ERR_NOT_FOUND, "there is no such repository")
					: -1;
}

/* ".shithub/workflows/ci.yml", "ci.yml" or the workflow's name. */
static bool is_workflow(const struct run_row *run, const char *text)
{
	const char *slash = strrchr(run->workflow_file, '/');

	return str_eq(text, run->workflow_file) || str_eq(text, run->workflow_name) ||
	       (slash && str_eq(text, slash + 1));
}

struct badge_spec {
	const char *branch, *workflow, *event; /* the last two NULL: any */
};

static bool is_wanted(const struct run_row *run, const struct badge_spec *spec)
{
	return (!spec->workflow || is_workflow(run, spec->workflow)) &&
	       (!spec->event || str_eq(spec->event, run->event));
}

/* Of the runs that are wanted those of the newest one's commit stay. */
static void runs_pick(struct run_list *l, const struct badge_spec *spec)
{
	const struct run_row *newest = NULL;
	size_t n = 0;

	if (!l->v)
		return;
	for (size_t i = 0; i < l->n; i++)
		if (is_wanted(&l->v[i], spec) && (!newest || l->v[i].id > newest->id))
			newest = &l->v[i];
	CLEAN_STR char *sha = xstrdup(newest ? newest->head_sha : "");
	for (size_t i = 0; i < l->n; i++) {
		struct run_row row = l->v[i];

		if (is_wanted(&row, spec) && str_eq(row.head_sha, sha))
			l->v[n++] = row;
		else
			run_row_release(&row);
	}
	l->n = n;
}

static int state_of(struct app *a, const struct repo_row *repo, const struct badge_spec *spec,
	enum badge_state *ret, struct err *e)
{
	CLEANUP(checks_release) struct checks c = { 0 };
	CLEAN_STR char *ref = str_starts(spec->branch, "refs/")
				      ? xstrdup(spec->branch)
				      : xasprintf("refs/heads/%s", spec->branch);

	if (store_run_heads(a->store, repo->id, RUNS_OF_REF, ref, &c.runs, e) < 0)
		return -1;
	runs_pick(&c.runs, spec);
	if (checks_load(a->store, &c, e) < 0)
		return -1;
	enum check_state s = checks_combined(&c);
	*ret = !c.n                 ? BADGE_NO_RUNS
	       : s == CHECK_SUCCESS ? BADGE_PASSING
	       : s == CHECK_PENDING ? BADGE_PENDING
				    : BADGE_FAILING;
	return 0;
}

/* Caches must ask again each time, and then the tag spares them the picture. */
static void badge_answer(struct httpd_request *r, const struct buf *svg, bool private)
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX], tag[24];
	const char *has = httpd_header(r, "If-None-Match");

	sha256(svg->data, svg->len, sha);
	hex_encode(sha, SHA256_LEN, hex);
	snprintf(tag, sizeof(tag), "\"%.16s\"", hex);
	httpd_add_header(r, "ETag", tag);
	httpd_add_header(r, "Cache-Control", private ? "private, no-cache" : "no-cache");
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	httpd_add_header(
		r, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
	if (has && strstr(has, tag))
		httpd_reply(r, 304, NULL, NULL, 0);
	else
		httpd_reply(r, 200, "image/svg+xml; charset=utf-8", svg->data, svg->len);
}

void api_badge(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEAN_BUF struct buf svg = BUF_INIT(BADGE_MAX);
	enum badge_state state;

	if (repo_of(a, r, &repo, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	struct badge_spec spec = { httpd_query(r, "branch"), httpd_query(r, "workflow"),
		httpd_query(r, "event") };
	if (!spec.branch)
		spec.branch = repo.default_branch;
	if (state_of(a, &repo, &spec, &state, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	badge_write(&svg, spec.workflow ? spec.workflow : repo.name, state);
	badge_answer(r, &svg, repo.private);
}
