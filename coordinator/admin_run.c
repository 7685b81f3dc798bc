#include "coordinator/admin_run.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/admin_run_show.h"
#include "coordinator/metrics.h"
#include "coordinator/step_log.h"
#include "coordinator/trigger.h"

/* ---- dispatch ---- */

static int parse_inputs(const struct strv *given, struct pairs *ret, struct err *e)
{
	strv_each (text, given) {
		const char *eq = strchr(text, '=');
		if (!eq || eq == text)
			return err_set(e, ERR_INPUT, "--input %.100s: expected NAME=VALUE", text);
		CLEAN_STR char *name = xstrndup(text, (size_t)(eq - text));
		if (pairs_get(ret, name))
			return err_set(e, ERR_INPUT, "--input %s: given twice", name);
		pairs_set(ret, name, eq + 1);
	}
	return 0;
}

static int dispatch(struct admin *a, const char *repo, struct trigger_dispatch *d,
	struct strv *problems, struct run_created *ret, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEAN_STR char *url = admin_public_url(a);
	struct trigger t = {
		.store = a->store, .data_dir = a->data_dir, .public_url = url, .now = wall_now()
	};

	if (admin_repo_find(a, repo, &row, e) < 0)
		return -1;
	repo_library_init();
	int rc = trigger_dispatch(&t, &row, d, problems, ret, e);
	repo_library_shutdown();
	return rc;
}

static int print_created(const struct run_created *c, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(1));
	struct json_writer w;

	if (!json) {
		printf("run %lld (number %lld of the repository)\n", (long long)c->run_id,
			(long long)c->run_index);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", c->run_id);
	json_kv_int(&w, "run_index", c->run_index);
	json_end_object(&w);
	return admin_print_json(&w, &out);
}

int admin_run_dispatch(int argc, char **argv)
{
	const char *data = NULL, *output = NULL, *repo = NULL;
	CLEANUP(strv_release) struct strv given = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEANUP(pairs_release) struct pairs inputs = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	struct trigger_dispatch d = { .inputs = &inputs };
	struct run_created created = { 0 };
	struct err e = { 0 };
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &repo, "OWNER/NAME", "repository", .required = true },
		{ "workflow", CLI_STRING, &d.workflow, "FILE", "such as smoke.yml",
			.required = true },
		{ "ref", CLI_STRING, &d.ref, "REF", "branch or tag; default: the default branch" },
		{ "input", CLI_STRV, &given, "NAME=VALUE", "an input; repeatable" },
		{ "actor", CLI_STRING, &d.actor, "NAME", "who is named as the cause" },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	if (parse_inputs(&given, &inputs, &e) < 0 || admin_open(&a, data, &e) < 0)
		return admin_fail(&e);
	if (dispatch(&a, repo, &d, &problems, &created, &e) < 0) {
		strv_each (line, &problems)
			fprintf(stderr, "%s\n", line);
		return admin_fail(&e);
	}
	admin_wake(&a);
	if (metric_count_now(a.store, METRIC_RUNS, &e) < 0)
		return admin_fail(&e);
	return print_created(&created, json);
}

/* ---- list ---- */

static int list_runs(const struct run_list *list, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(64));
	struct json_writer w;

	if (!json) {
		for (size_t i = 0; i < list->n; i++)
			run_print_line(&list->v[i]);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, true);
	json_begin_array(&w);
	for (size_t i = 0; i < list->n; i++) {
		json_begin_object(&w);
		run_write(&w, &list->v[i]);
		json_end_object(&w);
	}
	json_end_array(&w);
	return admin_print_json(&w, &out);
}

int admin_run_list(int argc, char **argv)
{
	const char *data = NULL, *output = NULL, *repo = NULL;
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(run_list_release) struct run_list list = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	int64_t limit = 50;
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &repo, "OWNER/NAME", "default: all repositories" },
		{ "limit", CLI_INT, &limit, "N", "newest N, default 50", .min = 1, .max = 1000 },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || (repo && admin_repo_find(&a, repo, &row, &e) < 0) ||
		store_run_list(a.store, row.id, limit, &list, &e) < 0)
		return admin_fail(&e);
	return list_runs(&list, json);
}

/* ---- show ---- */

int admin_run_show(int argc, char **argv)
{
	const char *data = NULL, *output = NULL;
	CLEANUP(run_view_release) struct run_view view = { 0 };
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	int64_t id = 0;
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "id", CLI_INT, &id, "N", "the run", .min = 1, .max = INT64_MAX,
			.required = true },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_output(output, &json) < 0)
		return EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || run_view_load(a.store, id, &view, &e) < 0)
		return admin_fail(&e);
	return json ? run_view_json(&view) : run_view_text(&view);
}

/* ---- log ---- */

/* Leaves only the step of that index; -1: all. */
static int steps_pick(struct step_list *l, int64_t job, int64_t index, struct err *e)
{
	size_t n = 0, had = l->n;

	if (index < 0)
		return 0;
	for (size_t i = 0; i < had; i++) {
		if (l->v[i].index == index)
			l->v[n++] = l->v[i];
		else
			step_row_release(&l->v[i]);
	}
	l->n = n;
	return n ? 0
		 : err_set(e, ERR_NOT_FOUND, "job %lld has no step %lld, expected 0 to %zu",
			   (long long)job, (long long)index, had - 1);
}

static int print_log(const struct admin *a, int64_t job, int64_t index, struct err *e)
{
	CLEANUP(step_list_release) struct step_list steps = { 0 };
	CLEANUP(job_row_release) struct job_row row = { 0 };
	CLEAN_STEP_LOG struct step_log *l = NULL;
	char block[KIB(16)];
	ssize_t n;

	if (store_job_get(a->store, job, &row, e) < 0 ||
		store_step_list(a->store, job, &steps, e) < 0 ||
		steps_pick(&steps, job, index, e) < 0)
		return -1;
	l = step_log_new(a->store, a->data_dir, row.run_id, &steps);
	while ((n = step_log_read(l, block, sizeof(block), e)) > 0)
		if (fd_write_all(STDOUT_FILENO, block, (size_t)n, e) < 0)
			return -1;
	return (int)n;
}

int admin_run_log(int argc, char **argv)
{
	const char *data = NULL;
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	int64_t job = 0, step = -1;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "job", CLI_INT, &job, "ID", "the job", .min = 1, .max = INT64_MAX,
			.required = true },
		{ "step", CLI_INT, &step, "INDEX", "one step, from 0; default: all", .min = 0,
			.max = 100000 },
		ADMIN_DATA_FLAG(data),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || print_log(&a, job, step, &e) < 0)
		return admin_fail(&e);
	return EXIT_OK;
}

/* ---- pin ---- */

static int set_pinned(int argc, char **argv, bool pinned)
{
	const char *data = NULL;
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	int64_t id = 0;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "id", CLI_INT, &id, "N", "the run", .min = 1, .max = INT64_MAX,
			.required = true },
		ADMIN_DATA_FLAG(data),
	};

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, data, &e) < 0 || store_run_pin(a.store, id, pinned, &e) < 0)
		return admin_fail(&e);
	printf("run %lld %s\n", (long long)id, pinned ? "is kept for ever" : "is kept no longer");
	return EXIT_OK;
}

int admin_run_pin(int argc, char **argv)
{
	return set_pinned(argc, argv, true);
}

int admin_run_unpin(int argc, char **argv)
{
	return set_pinned(argc, argv, false);
}
