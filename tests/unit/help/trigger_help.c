/* Real git and a real store; nothing of the network. */
#include "tests/unit/help/trigger_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/store_help.h"

int trigger_world_open(void **state)
{
	struct trigger_world *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	repo_library_init();
	f->g = git_tool_new();
	f->store = test_store_open(f->g->root);
	f->row = (struct repo_row){ .owner = xstrdup("octo"),
		.name = xstrdup("demo"),
		.default_branch = xstrdup("trunk"),
		.private = true };
	assert_int_equal(
		store_repo_add(f->store, "octo", "demo", true, "trunk", wall_now(), &f->row.id, &e),
		0);
	f->bare = repo_path(f->g->root, &f->row);
	assert_int_equal(repo_create(f->bare, "trunk", &e), 0);
	f->work = git_work_tree(f->g, "work");
	free(git_run(f->g, f->work, "remote", "add", "origin", f->bare, NULL));
	f->t = (struct trigger){ .store = f->store,
		.data_dir = f->g->root,
		.public_url = "https://ci.example",
		.now = wall_now() };
	*state = f;
	return 0;
}

int trigger_world_close(void **state)
{
	struct trigger_world *f = *state;

	store_free(f->store);
	test_store_drop(f->g->root);
	repo_row_release(&f->row);
	free(f->bare);
	free(f->work);
	git_tool_free(f->g);
	free(f);
	repo_library_shutdown();
	return 0;
}

size_t trigger_world_push(
	struct trigger_world *f, const char *before, const char *ref, const char *message)
{
	CLEAN_STR char *id = git_commit_all(f->g, f->work, message);
	CLEAN_STR char *spec = xasprintf("HEAD:%s", ref);
	struct ref_update u = { .ref = (char *)ref };
	struct push push = { &u, 1 };
	struct err e = { 0 };

	free(git_run(f->g, f->work, "push", "-q", "-f", "origin", spec, NULL));
	memcpy(u.before, before, 41);
	memcpy(u.after, id, 41);
	struct push_runs p = { .push = &push, .pusher = "ada" };
	if (trigger_push(&f->t, &f->row, &p, &e) < 0)
		fail_msg("%s", e.text);
	return (size_t)p.at.runs;
}

void trigger_world_newest(struct trigger_world *f, struct run_row *ret)
{
	CLEANUP(run_list_release) struct run_list list = { 0 };
	struct err e = { 0 };

	assert_int_equal(store_run_list(f->store, f->row.id, 1, &list, &e), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(store_run_get(f->store, list.v[0].id, ret, &e), 0);
}
