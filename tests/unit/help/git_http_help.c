/*
 * The coordinator's git server with three repositories, two tokens and a runner, on the loop of the
 * git tool: while a git child runs, that loop answers it.
 */
#include "tests/unit/help/git_http_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/app/turn.h"
#include "coordinator/claim/claim.h"
#include "coordinator/git/git_http.h"
#include "coordinator/repo/repo.h"
#include "coordinator/rights/owner.h"
#include "coordinator/rights/pat.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/runner.h"
#include "coordinator/trigger/planner.h"
#include "tests/unit/help/store_help.h"

void git_http_check(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s", e->text);
}

static void add_repo(struct git_http *f, const char *name, bool private)
{
	struct repo_row row = { .owner = (char *)"octo", .name = (char *)name };
	CLEAN_STR char *path = repo_path(f->app.data_dir, &row);
	struct err e = { 0 };
	int64_t id;

	git_http_check(
		store_repo_add(f->app.store, "octo", name, private, "trunk", wall_now(), &id, &e),
		&e);
	git_http_check(repo_create(path, "trunk", &e), &e);
}

int64_t git_http_user(struct git_http *f, const char *login, unsigned scopes, char *token)
{
	CLEANUP(owner_row_release)
	struct owner_row user = { .login = xstrdup(login), .user = true };
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };
	int64_t id;

	git_http_check(store_owner_add(f->app.store, &user, wall_now(), &e), &e);
	struct pat_spec spec = { .user_id = user.id, .name = "test", .sha = sha, .scopes = scopes };
	pat_random(token);
	token_hash(token, sha);
	git_http_check(store_pat_add(f->app.store, &spec, wall_now(), &id, &e), &e);
	return user.id;
}

/* A member of octo that may write. */
static void add_member(struct git_http *f, const char *login, unsigned scopes, char *token)
{
	int64_t user = git_http_user(f, login, scopes, token);
	CLEANUP(owner_row_release) struct owner_row octo = { 0 };
	struct err e = { 0 };

	git_http_check(store_organisation_find(f->app.store, "octo", &octo, &e), &e);
	git_http_check(store_member_set(f->app.store, octo.id, user, ROLE_WRITE, &e), &e);
}

static void add_runner(struct git_http *f)
{
	CLEANUP(strv_release) struct strv labels = { 0 };
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };

	strv_add(&labels, "linux");
	token_hash("registration", sha);
	git_http_check(store_runner_register(f->app.store, "r", &labels, 4, sha, wall_now(),
			       (struct wall){ 0 }, &f->runner_id, &e),
		&e);
}

static void listen_http(struct git_http *f)
{
	static const struct httpd_route *const tables[] = { git_http_routes };
	static const size_t sizes[] = { GIT_HTTP_ROUTES };
	struct httpd_config c = { .listen = "127.0.0.1:0",
		.tables = tables,
		.table_sizes = sizes,
		.n_tables = 1,
		.app = &f->app,
		.turn = &app_turn };
	struct err e = { 0 };

	f->app.httpd = httpd_new(f->app.loop, &c, &e);
	if (!f->app.httpd)
		fail_msg("%s", e.text);
	f->app.public_url = xasprintf("http://%s", httpd_address(f->app.httpd));
	f->app.planner = planner_start(&f->app, &e);
	if (!f->app.planner)
		fail_msg("%s", e.text);
	f->http = http_new(f->app.loop, &(struct http_config){ .user_agent = "test" }, &e);
	assert_non_null(f->http);
}

int git_http_setup(void **state)
{
	struct git_http *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	repo_library_init();
	f->g = git_tool_new();
	f->app.loop = f->g->loop;
	f->app.data_dir = path_join(f->g->root, "data");
	git_http_check(dir_ensure(f->app.data_dir, 0700, &e), &e);
	f->app.store = test_store_open(f->app.data_dir);
	git_http_check(keys_load(&f->app.keys, NULL, f->app.data_dir, &e), &e);
	git_http_check(waiters_new(&f->app, &e), &e);
	listen_http(f);
	add_repo(f, "open", false);
	add_repo(f, "closed", true);
	add_repo(f, "vault", true);
	add_member(f, "rita", SCOPE_REPO_READ, f->reader);
	add_member(f, "wanda", SCOPE_REPO_READ | SCOPE_REPO_WRITE, f->writer);
	add_runner(f);
	f->work = git_work_tree(f->g, "work");
	git_write(f->work, "README.md", "hello\n");
	*state = f;
	return 0;
}

int git_http_teardown(void **state)
{
	struct git_http *f = *state;

	http_free(f->http);
	waiters_free(&f->app);
	httpd_free(f->app.httpd);
	planner_stop(f->app.planner);
	git_http_stop(&f->app);
	store_free(f->app.store);
	test_store_drop(f->app.data_dir);
	free(f->app.data_dir);
	free(f->app.public_url);
	free(f->work);
	git_tool_free(f->g);
	free(f);
	repo_library_shutdown();
	return 0;
}

/* http://x:token@host/octo/name.git; token NULL: none. The caller's. */
char *git_http_url(struct git_http *f, const char *name, const char *token)
{
	const char *host = httpd_address(f->app.httpd);

	return xasprintf("http://%s%s%s%s/octo/%s.git", token ? "x:" : "", token ? token : "",
		token ? "@" : "", host, name);
}

int git_http_try(
	struct git_http *f, struct buf *out, const char *verb, const char *url, const char *ref)
{
	buf_clear(out);
	return git_try(f->g, f->work, out, verb, url, ref, NULL);
}

void git_http_push(struct git_http *f, const char *name)
{
	CLEAN_STR char *url = git_http_url(f, name, f->writer);

	free(git_run(f->g, f->work, "push", "-q", url, "HEAD:refs/heads/trunk", NULL));
}

size_t git_http_runs(struct git_http *f, struct run_list *ret)
{
	struct err e = { 0 };

	run_list_release(ret);
	git_http_check(store_run_list(f->app.store, 0, 100, ret, &e), &e);
	return ret->n;
}
