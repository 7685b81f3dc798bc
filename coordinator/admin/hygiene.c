/* What runners reported about the hygiene of their hosts; the documents are theirs, printed as
 * stored. */
#include "coordinator/admin/hygiene.h"

#include "coordinator/admin/admin.h"
#include "coordinator/store/hygiene.h"
#include "coordinator/view/row_json.h"

static int record_write(struct json_writer *w, const struct hygiene_row *r, struct err *e)
{
	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "key", r->key);
	json_kv_str(w, "host", r->host);
	json_kv_str(w, "action", r->action);
	json_kv_str(w, "status", r->status);
	json_key(w, "runner");
	if (r->runner) {
		json_begin_object(w);
		json_kv_int(w, "id", r->runner_id);
		json_kv_str(w, "name", r->runner);
		json_end_object(w);
	} else {
		json_null(w);
	}
	kv_time(w, "created_at", r->created_at);
	int rc = kv_json(w, "documents", r->documents, e);
	json_end_object(w);
	return rc;
}

static const struct table_column columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "CREATED" },
	{ "HOST" },
	{ "ACTION" },
	{ "STATUS", TABLE_STATE },
	{ "RUNNER" },
	{ "KEY" },
};
static const struct admin_list records = { ADMIN_LIST("hygiene records", columns), .limit = 25,
	.limit_max = 100, .order = ADMIN_BY_ID_DOWN };

static int record_show(struct admin *a, const struct hygiene_row *r, struct err *e)
{
	if (a->json)
		return record_write(&a->w, r, e);
	table_int(&a->table, r->id);
	table_time(&a->table, r->created_at);
	table_text(&a->table, r->host);
	table_text(&a->table, r->action);
	table_text(&a->table, r->status);
	table_text(&a->table, r->runner);
	table_text(&a->table, r->key);
	return 0;
}

static int history(struct admin *a, void *options, struct err *e)
{
	const struct hygiene_filter *o = options;
	CLEANUP(hygiene_list_release) struct hygiene_list l = { 0 };
	int64_t total;

	if (store_hygiene_count(a->store, o, &total, e) < 0 ||
		store_hygiene_list(a->store, o, &a->page, &l, e) < 0)
		return -1;
	admin_total(a, total);
	for (size_t i = 0; i < l.n; i++)
		if (admin_row_id(a, l.v[i].id) && record_show(a, &l.v[i], e) < 0)
			return -1;
	return 0;
}

int admin_hygiene_history(int argc, char **argv)
{
	struct hygiene_filter o = { 0 };
	const struct cli_flag flags[] = {
		{ "host", CLI_STRING, &o.host, "NAME", "one host (default: all)" },
		{ "action", CLI_STRING, &o.action, "ACTION", "one action" },
		{ "status", CLI_STRING, &o.status, "STATUS",
			"planned, action_started, completed or failed" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &records,
			.work = history });
}
