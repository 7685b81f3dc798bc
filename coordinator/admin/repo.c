/*
 * Repositories from the command line. A repository is a row and a folder: the folder is made first
 * and removed again when the row cannot be committed, so that none is ever half there.
 */
#include "coordinator/admin/repo.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "base/fs.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/repo/repo.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/store.h"
#include "coordinator/view/row_json.h"

static int make_repo(struct admin *a, struct repo_row *row, struct err *e)
{
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);
	const struct audit_entry entry = { .verb = "repo.add",
		.target_kind = "repository",
		.target = full,
		.reason = row->private ? "private" : "public" };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_repo_add(a->store, row->owner, row->name, row->private, row->default_branch,
			wall_now(), &row->id, e) < 0 ||
		admin_audit(a, entry, e) < 0)
		return -1;
	CLEAN_STR char *path = repo_path(a->data_dir, row);
	if (repo_create(path, row->default_branch, e) < 0)
		return -1;
	if (store_commit(&tx, e) < 0) {
		repo_discard(path);
		return -1;
	}
	return 0;
}

static char *clone_url(const struct admin *a, const struct repo_row *row)
{
	CLEAN_STR char *base = admin_public_url(a);

	return base ? xasprintf("%s/%s/%s.git", base, row->owner, row->name) : NULL;
}

static void write_members(struct json_writer *w, const struct admin *a, const struct repo_row *row)
{
	CLEAN_STR char *path = repo_path(a->data_dir, row), *url = clone_url(a, row);
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);

	json_kv_int(w, "id", row->id);
	json_kv_str(w, "full_name", full);
	json_kv_str(w, "owner", row->owner);
	json_kv_str(w, "name", row->name);
	json_kv_bool(w, "private", row->private);
	json_kv_str(w, "default_branch", row->default_branch);
	json_kv_str(w, "path", path);
	json_kv_str(w, "clone_url", url);
}

static void write_row(struct json_writer *w, const struct admin *a, const struct repo_row *row)
{
	json_begin_object(w);
	write_members(w, a, row);
	json_end_object(w);
}

static void print_row(const struct admin *a, const struct repo_row *row)
{
	CLEAN_STR char *path = repo_path(a->data_dir, row), *url = clone_url(a, row);

	printf("repository %" PRId64 " (%s/%s, %s, branch %s)\n%s\n", row->id, row->owner,
		row->name, row->private ? "private" : "public", row->default_branch,
		url ? url : path);
}

static void show_row(struct admin *a, const struct repo_row *row)
{
	if (a->json)
		write_row(&a->w, a, row);
	else
		print_row(a, row);
}

struct add_options {
	const char *branch;
	bool private, public;
	struct repo_row row;
};

static int check_add(struct admin *a, void *options, struct err *e)
{
	struct add_options *o = options;

	if (a->n_args != 1)
		return err_set(e, ERR_INPUT, "repository missing, expected OWNER/NAME");
	if (repo_name_split(a->args[0], &o->row.owner, &o->row.name, e) < 0 ||
		repo_branch_check(o->branch, e) < 0)
		return -1;
	if (o->private && o->public)
		return err_set(e, ERR_INPUT, "--private and --public: expected one of them");
	o->row.private = !o->public;
	o->row.default_branch = xstrdup(o->branch);
	return 0;
}

static int add_repo(struct admin *a, void *options, struct err *e)
{
	struct add_options *o = options;

	if (make_repo(a, &o->row, e) < 0)
		return -1;
	show_row(a, &o->row);
	return 0;
}

int admin_repo_add(int argc, char **argv)
{
	struct add_options o = { .branch = "trunk" };
	const struct cli_flag flags[] = {
		{ "public", CLI_BOOL, &o.public, NULL, "everybody may read it" },
		{ "private", CLI_BOOL, &o.private, NULL,
			"only who has a role may read it (the default)" },
		{ "default-branch", CLI_STRING, &o.branch, "NAME", "default: trunk" },
	};

	repo_library_init();
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.max_args = 1,
			.check = check_add,
			.makes_store = true,
			.work = add_repo });
	repo_library_shutdown();
	repo_row_release(&o.row);
	return code;
}

/* ---- show ---- */

/* What one asks of a repository before one changes it. */
struct repo_facts {
	struct repo_row row;
	int64_t runs, open_runs, runners;
};

static int facts_load(struct admin *a, const char *name, struct repo_facts *f, struct err *e)
{
	if (admin_repo_find(a, name, &f->row, e) < 0)
		return -1;
	return store_repo_counts(a->store, f->row.id, &f->runs, &f->open_runs, &f->runners, e);
}

static void facts_write(struct admin *a, const struct repo_facts *f)
{
	json_begin_object(&a->w);
	write_members(&a->w, a, &f->row);
	kv_time(&a->w, "created_at", f->row.created_at);
	json_kv_int(&a->w, "run_count", f->runs);
	json_kv_int(&a->w, "open_run_count", f->open_runs);
	json_kv_int(&a->w, "runner_count", f->runners);
	json_end_object(&a->w);
}

static void facts_print(struct admin *a, const struct repo_facts *f)
{
	char text[WALL_TEXT_MAX];

	print_row(a, &f->row);
	printf("since %s, %" PRId64 " runs, %" PRId64 " of them not over, %" PRId64
	       " runners of its own\n",
		wall_format(f->row.created_at, text), f->runs, f->open_runs, f->runners);
}

static int check_show(struct admin *a, void *options UNUSED, struct err *e)
{
	return a->n_args < 1 ? err_set(e, ERR_INPUT, "repository missing, expected OWNER/NAME") : 0;
}

static void facts_release(struct repo_facts *f)
{
	repo_row_release(&f->row);
}

static int show_repo(struct admin *a, void *options UNUSED, struct err *e)
{
	CLEANUP(facts_release) struct repo_facts f = { 0 };

	if (facts_load(a, a->args[0], &f, e) < 0)
		return -1;
	if (a->json)
		facts_write(a, &f);
	else
		facts_print(a, &f);
	return 0;
}

int admin_repo_show(int argc, char **argv)
{
	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .max_args = 1,
			.check = check_show,
			.work = show_repo,
			.repo_of = admin_repo_of_argument });
}

/* ---- list ---- */

static const struct table_column repo_columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "NAME" },
	{ "VISIBILITY" },
	{ "BRANCH" },
	{ "CLONE URL" },
};
static const struct admin_list repos_list = { ADMIN_LIST("repositories", repo_columns) };

struct list_options {
	const char *owner;
	int visibility; /* of visibility_words */
};
enum { ANY, PUBLIC, PRIVATE };
static const char *const visibility_words[] = { "any", "public", "private", NULL };

static void list_row(struct admin *a, const struct repo_row *row)
{
	if (a->json) {
		write_row(&a->w, a, row);
		return;
	}
	CLEAN_STR char *path = repo_path(a->data_dir, row), *url = clone_url(a, row);
	table_int(&a->table, row->id);
	table_addf(&a->table, "%s/%s", row->owner, row->name);
	table_text(&a->table, row->private ? "private" : "public");
	table_text(&a->table, row->default_branch);
	table_text(&a->table, url ? url : path);
}

static bool is_wanted(const struct repo_row *row, const struct list_options *o)
{
	if (o->owner && strcasecmp(row->owner, o->owner) != 0)
		return false;
	return o->visibility == ANY || row->private == (o->visibility == PRIVATE);
}

static void list_one(struct admin *a, const struct repo_row *row, const struct list_options *o)
{
	CLEAN_STR char *name = xasprintf("%s/%s", row->owner, row->name);

	if (is_wanted(row, o) && admin_row(a, name))
		list_row(a, row);
}

static int list_repos(struct admin *a, void *options, struct err *e)
{
	CLEANUP(repo_list_release) struct repo_list list = { 0 };

	if (store_repo_list(a->store, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++)
		list_one(a, &list.v[i], options);
	return 0;
}

int admin_repo_list(int argc, char **argv)
{
	struct list_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "owner", CLI_STRING, &o.owner, "NAME", "those of one owner" },
		{ "visibility", CLI_CHOICE, &o.visibility, .help = "default: any",
			.words = visibility_words },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &repos_list,
			.work = list_repos });
}
