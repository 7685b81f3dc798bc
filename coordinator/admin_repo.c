#include "coordinator/admin_repo.h"

#include <stdio.h>

#include "base/fs.h"
#include "coordinator/admin.h"
#include "coordinator/repo.h"

/* The row and the folder: both or neither. A folder is made before the row becomes visible. */
static int add(struct admin *a, struct repo_row *row, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_repo_add(a->store, row->owner, row->name, row->private, row->default_branch,
			wall_now(), &row->id, e) < 0)
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

static void write_row(struct json_writer *w, const struct admin *a, const struct repo_row *row)
{
	CLEAN_STR char *path = repo_path(a->data_dir, row), *url = clone_url(a, row);
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);

	json_begin_object(w);
	json_kv_int(w, "id", row->id);
	json_kv_str(w, "full_name", full);
	json_kv_str(w, "owner", row->owner);
	json_kv_str(w, "name", row->name);
	json_kv_bool(w, "private", row->private);
	json_kv_str(w, "default_branch", row->default_branch);
	json_kv_str(w, "path", path);
	json_kv_str(w, "clone_url", url);
	json_end_object(w);
}

static void print_row(const struct admin *a, const struct repo_row *row)
{
	CLEAN_STR char *path = repo_path(a->data_dir, row), *url = clone_url(a, row);

	printf("%lld\t%s/%s\t%s\t%s\t%s\n", (long long)row->id, row->owner, row->name,
		row->private ? "private" : "public", row->default_branch, url ? url : path);
}

static int show_one(const struct admin *a, const struct repo_row *row, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct json_writer w;

	if (!json) {
		print_row(a, row);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, true);
	write_row(&w, a, row);
	return admin_print_json(&w, &out);
}

int admin_repo_add(int argc, char **argv)
{
	const char *data = NULL, *output = NULL, *branch = "trunk";
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	bool json = false, private = false;
	struct err e = { 0 };
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "private", CLI_BOOL, &private, NULL, "readable with a token only" },
		{ "default-branch", CLI_STRING, &branch, "NAME", "default: trunk" },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 1, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 1)
		return cli_fail(EXIT_USAGE, "repository missing, expected OWNER/NAME");
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	repo_library_init();
	if (repo_name_split(args[0], &row.owner, &row.name, &e) < 0 ||
		repo_branch_check(branch, &e) < 0 || admin_open(&a, data, &e) < 0) {
		repo_library_shutdown();
		return admin_fail(&e);
	}
	row.private = private;
	row.default_branch = xstrdup(branch);
	rc = add(&a, &row, &e);
	repo_library_shutdown();
	return rc < 0 ? admin_fail(&e) : show_one(&a, &row, json);
}

static int list_json(const struct admin *a, const struct repo_list *list)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(64));
	struct json_writer w;

	json_writer_init(&w, &out, true);
	json_begin_array(&w);
	for (size_t i = 0; i < list->n; i++)
		write_row(&w, a, &list->v[i]);
	json_end_array(&w);
	return admin_print_json(&w, &out);
}

int admin_repo_list(int argc, char **argv)
{
	const char *data = NULL, *output = NULL;
	CLEANUP(repo_list_release) struct repo_list list = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = { ADMIN_DATA_FLAG(data), ADMIN_OUTPUT_FLAG(output) };

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || store_repo_list(a.store, &list, &e) < 0)
		return admin_fail(&e);
	if (json)
		return list_json(&a, &list);
	for (size_t i = 0; i < list.n; i++)
		print_row(&a, &list.v[i]);
	return EXIT_OK;
}
