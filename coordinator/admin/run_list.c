/*
 * Runs as a table. A run is found by what a person remembers of it: who, where, what came of it.
 */
#include "coordinator/admin/run_list.h"

#include "coordinator/admin/admin.h"
#include "coordinator/store/run.h"
#include "coordinator/view/run.h"

static const struct table_column columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "NUMBER", TABLE_NUMBER },
	{ "STATE", TABLE_STATE },
	{ "WORKFLOW" },
	{ "EVENT" },
	{ "BRANCH" },
	{ "COMMIT" },
	{ "ACTOR" },
	{ "CREATED" },
	{ "TOOK" },
};
static const struct admin_list runs = { ADMIN_LIST("runs", columns), .limit = 50,
	.order = ADMIN_BY_ID_DOWN };

static const char *const state_words[] = { "any", "queued", "waiting", "running", "completed",
	"cancelled", "success", "failure", "timed_out", "neutral", "skipped", "action_required",
	NULL };

struct list_options {
	const char *repo; /* NULL: all */
	int state;        /* of state_words */
	struct run_filter filter;
};

static const char *ref_short(const char *ref)
{
	static const char *const starts[] = { "refs/heads/", "refs/tags/" };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (str_starts(ref, starts[i]))
			return ref + strlen(starts[i]);
	return ref;
}

static void run_show(struct admin *a, const struct run_row *r)
{
	const char *slash = strrchr(r->workflow_file, '/');

	if (a->json) {
		json_begin_object(&a->w);
		run_write(&a->w, r);
		json_end_object(&a->w);
		return;
	}
	table_int(&a->table, r->id);
	table_int(&a->table, r->run_index);
	table_text(&a->table, run_state_word(r));
	table_text(&a->table, slash ? slash + 1 : r->workflow_file);
	table_text(&a->table, r->event);
	table_text(&a->table, ref_short(r->head_ref));
	table_addf(&a->table, "%.10s", r->head_sha);
	table_text(&a->table, r->actor);
	table_time(&a->table, r->created_at);
	table_span(&a->table, r->started_at, r->completed_at);
}

static int list_runs(struct admin *a, void *options, struct err *e)
{
	struct list_options *o = options;
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(run_list_release) struct run_list list = { 0 };
	int64_t total;

	if (o->repo && admin_repo_find(a, o->repo, &row, e) < 0)
		return -1;
	o->filter.repo_id = row.id;
	o->filter.state = o->state ? state_words[o->state] : NULL;
	if (store_run_count(a->store, &o->filter, &total, e) < 0 ||
		store_run_find(a->store, &o->filter, &a->page, &list, e) < 0)
		return -1;
	admin_total(a, total);
	for (size_t i = 0; i < list.n; i++)
		if (admin_row_id(a, list.v[i].id))
			run_show(a, &list.v[i]);
	return 0;
}

int admin_run_list(int argc, char **argv)
{
	struct list_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "one repository (default: all)" },
		{ "status", CLI_CHOICE, &o.state, "STATUS",
			"status or conclusion: queued, running, success, failure, cancelled, …",
			.words = state_words },
		{ "branch", CLI_STRING, &o.filter.branch, "NAME", "branch or tag" },
		{ "event", CLI_STRING, &o.filter.event, "EVENT", "push, workflow_dispatch, …" },
		{ "actor", CLI_STRING, &o.filter.actor, "NAME", "who caused it" },
		{ "workflow", CLI_STRING, &o.filter.workflow, "NAME",
			"file, such as ci.yml, or name of the workflow" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &runs,
			.work = list_runs });
}
