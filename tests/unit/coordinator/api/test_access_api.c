/*
 * Who may call what: every route of the table, called by everybody who may not. A caller who may
 * not know of a thing gets the same bytes as for a thing that does not exist.
 */
#include <inttypes.h>

#include "coordinator/api/api.h"
#include "coordinator/app/access.h"
#include "coordinator/object/object.h"
#include "coordinator/pages/asset.h"
#include "coordinator/pages/pages.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/owner.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/step.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/routes_help.h"

/* A private repository of acme with one run, and people around it. */
struct place {
	struct world w;
	int64_t repo, run, job, step, acme;
	char reader[PAT_TEXT_MAX], writer[PAT_TEXT_MAX]; /* members */
};

static void place_open(struct place *p)
{
	CLEANUP(owner_row_release) struct owner_row acme = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct store *s;
	struct err e = { 0 };

	world_open(&p->w);
	world_serve(&p->w);
	s = p->w.app.store;
	must_err(store_repo_add(s, "acme", "hidden", true, "trunk", wall_now(), &p->repo, &e));
	p->w.repo_id = p->repo; /* RUN puts its runs there */
	p->run = RUN(&p->w, "a:linux").run_id;
	p->job = world_job(&p->w, p->run, "a");
	must_err(store_step_list(s, p->job, &steps, &e));
	p->step = steps.v[0].id;
	must_err(store_organisation_find(s, "acme", &acme, &e));
	p->acme = acme.id;
	must_err(store_member_set(s, acme.id, world_user(&p->w, "rita", false), ROLE_READ, &e));
	must_err(store_member_set(s, acme.id, world_user(&p->w, "wanda", false), ROLE_WRITE, &e));
	world_pat(&p->w, "rita", SCOPE_REPO_READ | SCOPE_REPO_WRITE, p->reader);
	world_pat(&p->w, "wanda", SCOPE_REPO_READ | SCOPE_REPO_WRITE, p->writer);
}

/* ---- paths ---- */

enum { NOWHERE = 987654 };

/* What a route cannot do without. */
static const char *query_of(const char *pattern)
{
	return str_ends(pattern, "/find")    ? "?q=text"
	       : str_ends(pattern, "/lines") ? "?from=1&to=2"
					     : "";
}

/* The pattern with what there is (or is not) in place of its names. */
static char *path_of(const struct place *p, const char *pattern, bool there)
{
	CLEAN_BUF struct buf out = BUF_INIT(1024);
	int64_t id = strstr(pattern, "/runs/") ? p->run : p->job;

	for (const char *at = pattern; *at;) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		struct slice name = { at + 1, end ? (size_t)(end - at - 1) : 0 };

		if (!end)
			buf_addc(&out, *at);
		else if (slice_eq(name, "owner"))
			buf_adds(&out, there ? "acme" : "nobody");
		else if (slice_eq(name, "name") || slice_eq(name, "repo"))
			buf_adds(&out, there ? "hidden" : "nothing");
		else if (slice_eq(name, "job"))
			buf_addf(&out, "%" PRId64, there ? p->job : NOWHERE);
		else if (slice_eq(name, "step") && strstr(pattern, "{job}"))
			buf_adds(&out, "1"); /* its number */
		else if (slice_eq(name, "step"))
			buf_addf(&out, "%" PRId64, there ? p->step : NOWHERE);
		else if (slice_eq(name, "id"))
			buf_addf(&out, "%" PRId64, there ? id : NOWHERE);
		else if (slice_eq(name, "sha"))
			buf_adds(&out, "0123456789012345678901234567890123456789");
		else
			buf_adds(&out, "1");
		at = end ? end + 1 : at + 1;
	}
	buf_adds(&out, query_of(pattern));
	return xstrdup(buf_cstr(&out));
}

static long ask(struct place *p, const struct httpd_route *route, const char *token, bool there,
	struct buf *body)
{
	CLEAN_STR char *path = path_of(p, route->pattern, there);
	struct call_spec c = { .method = route->method,
		.path = path,
		.token = token,
		.body = str_eq(route->method, "GET") ? NULL : "{}" };
	CLEAN_EXCHANGE struct http_exchange *x = call_start(&p->w, &c);
	const struct http_result *r = http_wait(x);

	assert_int_equal(HTTP_DONE, r->outcome);
	buf_clear(body);
	buf_add(body, r->body.data ? r->body.data : "", r->body.len);
	return r->status;
}

static bool for_everybody(const struct httpd_route *route)
{
	static const char *const patterns[] = { "/metrics", "/healthz", "/", "/queue", "/runners",
		"/runners/{id}", ASSET_ROUTE, "/login", "/login/oidc", "/login/oidc/callback",
		"/logout", "/sessions" };

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		if (str_eq(route->pattern, patterns[i]))
			return true;
	return false;
}

/* ---- those who may not ---- */

static void revoke_all(struct place *p, const char *login, struct wall when)
{
	CLEANUP(pat_list_release) struct pat_list l = { 0 };

	must(store_pat_list(p->w.app.store, world_user(&p->w, login, false), &l, NULL));
	for (size_t i = 0; i < l.n; i++)
		must(store_pat_revoke(p->w.app.store, l.v[i].id, when, NULL));
}

static void expired_pat(struct place *p, char out[PAT_TEXT_MAX])
{
	unsigned char sha[SHA256_LEN];
	struct pat_spec spec = { .user_id = world_user(&p->w, "wanda", false),
		.name = "old",
		.sha = sha,
		.scopes = SCOPE_REPO_READ | SCOPE_REPO_WRITE,
		.expires_at = { 1 } };
	int64_t id;

	pat_random(out);
	token_hash(out, sha);
	must(store_pat_add(p->w.app.store, &spec, wall_now(), &id, NULL));
}

struct outsider {
	const char *who;
	char token[PAT_TEXT_MAX]; /* "": none */
	bool known;               /* a valid token of a user without a role: 404 and nothing else */
};

static void outsiders_make(struct place *p, struct outsider o[8])
{
	const unsigned all = SCOPE_REPO_READ | SCOPE_REPO_WRITE;
	struct store *s = p->w.app.store;

	o[0] = (struct outsider){ .who = "without a token" };
	o[1] = (struct outsider){ .who = "with a made-up token" };
	pat_random(o[1].token);
	o[2] = (struct outsider){ .who = "a stranger", .known = true };
	world_pat(&p->w, "stranger", all, o[2].token);
	o[3] = (struct outsider){ .who = "with a revoked token" };
	world_pat(&p->w, "former", all, o[3].token);
	must(store_collaborator_set(
		s, p->repo, world_user(&p->w, "former", false), ROLE_ADMIN, NULL));
	revoke_all(p, "former", wall_now());
	o[4] = (struct outsider){ .who = "with an expired token" };
	expired_pat(p, o[4].token);
	o[5] = (struct outsider){ .who = "a disabled site admin" };
	int64_t boss = world_user(&p->w, "boss", true);
	world_pat(&p->w, "boss", all | SCOPE_ADMIN, o[5].token);
	must(store_user_set_disabled(s, boss, wall_now(), NULL));
	o[6] = (struct outsider){ .who = "a removed member", .known = true };
	world_pat(&p->w, "left", all, o[6].token);
	int64_t left = world_user(&p->w, "left", false);
	must(store_member_set(s, p->acme, left, ROLE_ADMIN, NULL));
	must(store_member_remove(s, p->acme, left, NULL));
	o[7] = (struct outsider){ .who = "without a scope for repositories", .known = true };
	world_pat(&p->w, "wanda", SCOPE_ADMIN, o[7].token);
}

static bool takes_pat(const struct place *p, const struct httpd_route *route)
{
	struct buf body = BUF_INIT(MIB(1));
	long status = ask((struct place *)p, route, p->writer, true, &body);

	buf_release(&body);
	return status != 401;
}

/* Who is not known at all is told so (401), everywhere but where strangers may read too: there, as
 * for somebody known, nothing exists. Calls of runners and jobs know no users. */
static long refusal_of(const struct httpd_route *route, const struct outsider *o)
{
	bool page = route_is_page(route);
	bool public = (page && str_eq(route->method, "GET")) ||
		      strstr(route->pattern, "/commits/") || str_ends(route->pattern, "/badge.svg");

	if (str_eq(route->pattern, OBJECT_ROUTE))
		return 403; /* the signature in the URL decides */
	if (route->begin == api_runner_begin || route->begin == api_job_begin ||
		str_starts(route->pattern, "/sessions/")) /* of browsers */
		return 401;
	if (str_ends(route->pattern, "/admin/verbs"))
		return o->known ? 403 : 401;
	return o->known || (public && !*o->token) ? 404 : 401;
}

static void refuse_one(struct place *p, const struct httpd_route *route, const struct outsider *o)
{
	CLEAN_BUF struct buf hidden = BUF_INIT(MIB(1)), absent = BUF_INIT(MIB(1));
	const char *token = *o->token ? o->token : NULL;
	long status = ask(p, route, token, true, &hidden);

	if (status != refusal_of(route, o))
		fail_msg("%s %s, %s: %ld %s", route->method, route->pattern, o->who, status,
			buf_cstr(&hidden));
	if (strstr(route->pattern, "{") && (ask(p, route, token, false, &absent) != status ||
						   !str_eq(buf_cstr(&hidden), buf_cstr(&absent))))
		fail_msg("%s %s, %s: %ld %s, of what does not exist %s", route->method,
			route->pattern, o->who, status, buf_cstr(&hidden), buf_cstr(&absent));
}

static void test_every_route_refuses(void **state UNUSED)
{
	struct place p = { 0 };
	struct outsider o[8];
	size_t tried = 0;

	place_open(&p);
	outsiders_make(&p, o);
	for (size_t i = 0; i < routes_n(); i++) {
		if (for_everybody(route_at(i)))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(o); k++)
			refuse_one(&p, route_at(i), &o[k]);
		tried++;
	}
	assert_int_equal(routes_n() - 13, tried);
	/* nothing came of it */
	assert_string_equal("queued", world_state(&p.w, p.run, "a"));
	world_close(&p.w);
}

/* ---- those who may ---- */

static void test_members(void **state UNUSED)
{
	struct place p = { 0 };
	CLEAN_BUF struct buf body = BUF_INIT(MIB(1));
	size_t reads = 0, writes = 0;

	place_open(&p);
	for (size_t i = 0; i < routes_n(); i++) {
		const struct httpd_route *route = route_at(i);
		bool of_runs = strstr(route->pattern, "/runs/{id}") ||
			       strstr(route->pattern, "/jobs/{id}/log") ||
			       str_ends(route->pattern, "{step}/log");

		if (str_ends(route->pattern, "{artifact}"))
			continue; /* the run has none */

		if (str_eq(route->method, "GET") && of_runs) {
			long status = ask(&p, route, p.reader, true, &body);

			if (status != 200)
				fail_msg("%s: %ld %s", route->pattern, status, buf_cstr(&body));
			reads++;
		} else if (str_ends(route->pattern, "/rerun") ||
			   str_ends(route->pattern, "/rerun-failed-jobs") ||
			   str_ends(route->pattern, "/rerun-job") ||
			   str_ends(route->pattern, "/dispatches") ||
			   str_ends(route->pattern, "{id}/cancel")) {
			/* seen, so no 404, and refused by the role */
			assert_int_equal(403, ask(&p, route, p.reader, true, &body));
			assert_non_null(strstr(buf_cstr(&body), "read, expected write"));
			assert_true(takes_pat(&p, route));
			writes++;
		}
	}
	assert_int_equal(14, reads);
	assert_int_equal(10, writes);
	world_close(&p.w);
}

/* The actor is the user, whatever the token is called. */
static void test_actor(void **state UNUSED)
{
	struct place p = { 0 };
	char path[100];
	CLEAN_JSON struct json_doc *d = NULL;
	CLEANUP(run_row_release) struct run_row again = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	place_open(&p);
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel", p.job);
	assert_int_equal(
		200, call_do(&p.w, &(struct call_spec){ .path = path, .token = p.writer }, NULL));
	must(store_job_get(p.w.app.store, p.job, &job, NULL));
	assert_string_equal("cancelled by wanda", job.reason);
	snprintf(path, sizeof(path), "/api/v1/runs/%" PRId64 "/rerun", p.run);
	assert_int_equal(
		201, call_do(&p.w, &(struct call_spec){ .path = path, .token = p.writer }, &d));
	must(store_run_get(p.w.app.store, json_get_int(json_root(d), "run_id", 0), &again, NULL));
	assert_string_equal("wanda", again.actor);
	world_close(&p.w);
}

/* A scope narrows a role and a role narrows a scope. */
static void test_scopes(void **state UNUSED)
{
	struct place p = { 0 };
	char path[100], narrow[PAT_TEXT_MAX], admin[PAT_TEXT_MAX];
	struct call_spec cancel = { .path = path };
	CLEAN_JSON struct json_doc *d = NULL;

	place_open(&p);
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel", p.job);
	world_pat(&p.w, "wanda", SCOPE_REPO_READ, narrow);
	cancel.token = narrow;
	assert_int_equal(403, call_do(&p.w, &cancel, &d));
	assert_string_equal(
		"the token lacks the scope repo:write", json_get_string(json_root(d), "error"));
	world_user(&p.w, "boss", true);
	world_pat(&p.w, "boss", SCOPE_REPO_READ, admin);
	cancel.token = admin;
	assert_int_equal(403, call_do(&p.w, &cancel, NULL));
	assert_string_equal("queued", world_state(&p.w, p.run, "a"));
	world_close(&p.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_route_refuses),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_actor),
		cmocka_unit_test(test_scopes),
	};

	repo_library_init();
	int rc = cmocka_run_group_tests_name("access_api", tests, NULL, NULL);
	repo_library_shutdown();
	return rc;
}
