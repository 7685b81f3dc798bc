/*
 * Bad input for every route of the table, made from the table itself: wrong method, wrong ids, and
 * for each route with a body what a body may have wrong. Each is refused with its code and one JSON
 * error, and the store is as it was. Who may call what is test_access_api.c's.
 */
#include <inttypes.h>

#include <sqlite3.h>

#include "coordinator/api/api.h"
#include "coordinator/pages/pages.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/pat.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/routes_help.h"

/* A run whose job is claimed, and a token of each kind. */
struct place {
	struct world w;
	struct claimed c;
	char admin[PAT_TEXT_MAX];
	sqlite3 *other; /* sees when anything is committed */
};

static void place_open(struct place *p)
{
	CLEAN_STR char *path = NULL;

	world_open(&p->w);
	world_serve(&p->w);
	world_user(&p->w, "root", true);
	world_pat(&p->w, "root", SCOPE_REPO_READ | SCOPE_REPO_WRITE | SCOPE_ADMIN, p->admin);
	RUN(&p->w, "a:linux");
	assert_int_equal(200, heartbeat(&p->w, p->w.runner_token, "{}", &p->c));
	/* that a token was used is written once a minute */
	struct call_spec first = {
		.method = "GET", .path = "/api/v1/jobs/1/explain", .token = p->admin
	};
	assert_int_equal(200, call_do(&p->w, &first, NULL));
	path = path_join(p->w.dir, "shithubd.db");
	assert_int_equal(SQLITE_OK, sqlite3_open(path, &p->other));
}

static void place_close(struct place *p)
{
	sqlite3_close(p->other);
	world_close(&p->w);
}

static int64_t commits(struct place *p)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(
		SQLITE_OK, sqlite3_prepare_v2(p->other, "PRAGMA data_version", -1, &st, NULL));
	assert_int_equal(SQLITE_ROW, sqlite3_step(st));
	int64_t version = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return version;
}

static const char *token_for(const struct place *p, const struct httpd_route *route)
{
	return route->begin == api_runner_begin ? p->w.runner_token
	       : route->begin == api_job_begin  ? p->c.token
						: p->admin;
}

/* The route's path; id NULL: what there is. */
static char *path_of(const struct place *p, const char *pattern, const char *id)
{
	CLEAN_BUF struct buf out = BUF_INIT(1024);
	bool run = strstr(pattern, "/runs/{id}") != NULL;

	for (const char *at = pattern; *at;) {
		const char *end = *at == '{' ? strchr(at, '}') : NULL;
		struct slice name = { at + 1, end ? (size_t)(end - at - 1) : 0 };

		if (!end)
			buf_addc(&out, *at);
		else if (slice_eq(name, "owner"))
			buf_adds(&out, "alice");
		else if (slice_eq(name, "name") || slice_eq(name, "repo"))
			buf_adds(&out, "demo");
		else if (id)
			buf_adds(&out, id);
		else if (slice_eq(name, "step"))
			buf_addf(&out, "%" PRId64, p->c.step_ids[0]);
		else
			buf_addf(&out, "%" PRId64, run ? p->c.run_id : p->c.job_id);
		at = end ? end + 1 : at + 1;
	}
	return xstrdup(buf_cstr(&out));
}

struct bad {
	const char *what, *method, *path, *body;
	size_t body_len;
	long want, or_want;
};

/* Refused with that code and one JSON error, and nothing was written. */
static void refused(struct place *p, const struct httpd_route *route, const struct bad *b)
{
	int64_t before = commits(p);
	const char *error;
	CLEAN_JSON struct json_doc *d = NULL;
	struct call_spec c = { .method = b->method,
		.path = b->path,
		.token = token_for(p, route),
		.body = b->body,
		.body_len = b->body_len };
	long status = call_do(&p->w, &c, route_is_page(route) ? NULL : &d);

	if (status != b->want && status != b->or_want)
		fail_msg("%s %s with %s: %ld, expected %ld", b->method, b->path, b->what, status,
			b->want);
	error = route_is_page(route) ? "a page" : json_get_string(json_root(d), "error");
	if (!error || !*error)
		fail_msg("%s %s with %s: no error in the answer", b->method, b->path, b->what);
	if (commits(p) != before)
		fail_msg("%s %s with %s: the store changed", b->method, b->path, b->what);
}

/* ---- methods ---- */

static bool path_takes(const char *pattern, const char *method)
{
	for (size_t i = 0; i < routes_n(); i++)
		if (str_eq(route_at(i)->pattern, pattern) &&
			(str_eq(route_at(i)->method, method) ||
				(str_eq(method, "HEAD") && str_eq(route_at(i)->method, "GET"))))
			return true;
	return false;
}

static void wrong_methods(void **state UNUSED)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "BREW" };
	struct place p;

	place_open(&p);
	for (size_t i = 0; i < routes_n(); i++) {
		const struct httpd_route *route = route_at(i);
		CLEAN_STR char *path = path_of(&p, route->pattern, NULL);

		for (size_t k = 0; k < ARRAY_LEN(methods); k++)
			if (!path_takes(route->pattern, methods[k]))
				refused(&p, route,
					&(struct bad){ .what = "a wrong method",
						.method = methods[k],
						.path = path,
						.want = 405 });
	}
	place_close(&p);
}

/* ---- ids ---- */

static void wrong_ids(void **state UNUSED)
{
	static const char *const ids[] = { "0", "-1", "+1", "01", "1e3", "abc", "%31", "1.0",
		"9223372036854775808", "99999999999999999999999999", "987654321" };
	struct place p;
	size_t n = 0;

	place_open(&p);
	for (size_t i = 0; i < routes_n(); i++) {
		const struct httpd_route *route = route_at(i);
		bool browsers = str_starts(route->pattern, "/sessions/"); /* no token helps */

		if (!strstr(route->pattern, "{id}") || strstr(route->pattern, "/objects/"))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(ids); k++) {
			CLEAN_STR char *path = path_of(&p, route->pattern, ids[k]);

			refused(&p, route,
				&(struct bad){ .what = ids[k],
					.method = route->method,
					.path = path,
					.body = route->body == HTTPD_BUFFERED ? "{}" : NULL,
					.want = browsers ? 401 : 404 });
			n++;
		}
	}
	assert_true(n > 50);
	place_close(&p);
}

/* ---- bodies ---- */

static const struct {
	const char *what, *text;
	size_t len; /* 0: strlen */
} bodies[] = {
	{ "no JSON", "status=running", 0 },
	{ "an array", "[]", 0 },
	{ "null", "null", 0 },
	{ "a text", "\"running\"", 0 },
	{ "half an object", "{\"status\":", 0 },
	{ "two objects", "{}{}", 0 },
	{ "an unknown key", "{\"bogus_key\":1}", 0 },
	{ "a key twice", "{\"seq\":1,\"seq\":1}", 0 },
	{ "bytes that are no UTF-8", "{\"name\":\"\xff\xfe\"}", 0 },
	{ "a zero byte", "{\"name\":\"a\0b\"}", 14 },
	{ "a comment", "{/* hm */}", 0 },
	{ "a number of 400 digits",
		"{\"seq\":1111111111111111111111111111111111111111111111111111111111111111111111111"
		"111111111111111111111111111111111111111111111111111111111111111111111111111111}",
		0 },
};
/* Every key of every body: none takes nested arrays. */
static const char *const keys[] = { "labels", "capacity", "host_name", "version", "active_job_ids",
	"status", "conclusion", "started_at", "completed_at", "seq", "step_id", "chunk", "name",
	"size_bytes", "after", "outputs", "key", "host", "action", "documents", "environment",
	"comment", "state", "ref", "inputs", "argv", "stdin" };

static void body_refused(
	struct place *p, const struct httpd_route *route, const char *path, struct bad b)
{
	b.method = route->method;
	b.path = path;
	refused(p, route, &b);
}

static void wrong_bodies_of(struct place *p, const struct httpd_route *route)
{
	CLEAN_STR char *path = path_of(p, route->pattern, NULL);
	CLEAN_STR char *large = xmalloc(route->max_body + 2);
	CLEAN_STR char *deep = xstrdup("{\"a\":");
	char text[128];

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		body_refused(p, route, path,
			(struct bad){ .what = bodies[i].what,
				.body = bodies[i].text,
				.body_len = bodies[i].len,
				.want = 400 });
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		snprintf(text, sizeof(text), "{\"%s\":[[[]]]}", keys[i]);
		body_refused(
			p, route, path, (struct bad){ .what = text, .body = text, .want = 400 });
	}
	deep = xrealloc(deep, 2100);
	memset(deep + 5, '[', 2000);
	deep[2005] = 0;
	body_refused(p, route, path,
		(struct bad){ .what = "2,000 nested arrays", .body = deep, .want = 400 });
	memset(large, ' ', route->max_body + 1);
	body_refused(p, route, path,
		(struct bad){ .what = "one byte too many",
			.body = large,
			.body_len = route->max_body + 1,
			.want = 413 });
}

static void wrong_bodies(void **state UNUSED)
{
	struct place p;
	size_t n = 0;

	place_open(&p);
	for (size_t i = 0; i < api_routes_n; i++)
		if (api_routes[i].body == HTTPD_BUFFERED) {
			wrong_bodies_of(&p, &api_routes[i]);
			n++;
		}
	assert_true(n >= 9);

	/* After all that the job's token is as good as new. */
	char path[128];
	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/cancel-check", p.c.job_id);
	struct call_spec good = { .path = path, .token = p.c.token, .body = "{}" };
	assert_int_equal(200, call_do(&p.w, &good, NULL));
	place_close(&p);
}

/* A repository of such an owner would be reached at none of its addresses, or hide one of ours. */
static void no_owner_is_a_path_of_ours(void **state UNUSED)
{
	const struct routes all = routes_all();
	size_t words = 0;

	for (size_t i = 0; i < ROUTES_TABLES; i++) {
		for (size_t k = 0; k < all.sizes[i]; k++) {
			const char *path = all.tables[i][k].pattern + 1;
			CLEAN_STR char *word = xstrndup(path, strcspn(path, "/"));

			if (!*word || *word == '{')
				continue;
			words++;
			if (repo_owner_new_check(word, NULL) == 0)
				fail_msg("an owner may be named \"%s\", as a route begins", word);
		}
	}
	assert_true(words > 0);
	assert_int_equal(repo_owner_check("login", NULL), 0); /* one that is there stays */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_methods),
		cmocka_unit_test(wrong_ids),
		cmocka_unit_test(wrong_bodies),
		cmocka_unit_test(no_owner_is_a_path_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
