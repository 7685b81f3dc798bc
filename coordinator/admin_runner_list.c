/* `admin runner list` and `queue`. */
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/admin_verbs.h"
#include "coordinator/row_json.h"
#include "coordinator/runner_view.h"

#define OUT_MAX MIB(64)

static int listing_parse(int argc, char **argv, const char **data, bool *ret_json)
{
	const char *output = NULL;
	const struct cli_flag flags[] = { ADMIN_DATA_FLAG(*data), ADMIN_OUTPUT_FLAG(output) };
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc == 0)
		rc = admin_output(output, ret_json);
	return rc;
}

static void runner_print(const struct runner_row *r, const struct matching *m, struct wall now)
{
	char when[WALL_TEXT_MAX];
	printf("%lld\t%s\t%s\t%lld/%lld jobs\t%s\t", (long long)r->id, r->name, runner_mood(r, now),
		(long long)r->active_jobs, (long long)r->capacity,
		r->last_heartbeat_at.us ? wall_format(r->last_heartbeat_at, when) : "never");
	for (size_t k = 0; k < r->labels.n; k++)
		printf("%s%s", k ? "," : "", r->labels.v[k]);
	printf("\t%lld waiting%s\n", (long long)m->jobs,
		runner_deaf(r, m, now) ? ", deaf: idle while they wait" : "");
}

static int runners_print(struct store *s, const struct runner_list *l, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;
	struct wall now = wall_now();
	struct err e = { 0 };
	int rc = 0;
	json_writer_init(&w, &out, false);
	json_begin_array(&w);
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		struct matching m = { 0 };
		rc = store_matching(s, &l->v[i].labels, &m, &e);
		if (rc == 0 && !json) {
			runner_print(&l->v[i], &m, now);
		} else if (rc == 0) {
			json_begin_object(&w);
			runner_write(&w, &l->v[i], now);
			matching_write(&w, &l->v[i], &m, now);
			json_end_object(&w);
		}
	}
	json_end_array(&w);
	if (json && rc == 0)
		return admin_print_json(&w, &out);
	return json_writer_finish(&w, rc ? NULL : &e) || rc ? admin_fail(&e) : EXIT_OK;
}

int admin_runner_list(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(runner_list_release) struct runner_list l = { 0 };
	struct err e = { 0 };
	const char *data = NULL;
	bool json;
	int rc = listing_parse(argc, argv, &data, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, data, &e) || store_runner_list(a.store, &l, &e))
		return admin_fail(&e);
	return runners_print(a.store, &l, json);
}

static void queue_row_write(struct json_writer *w, const struct queue_row *r)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));
	for (size_t i = 0; i < r->labels.n; i++)
		buf_addf(&text, "%s%s", i ? "," : "", r->labels.v[i]);
	json_begin_object(w);
	json_kv_str(w, "label", buf_cstr(&text));
	json_kv_strv(w, "labels", &r->labels);
	json_kv_int(w, "queued_jobs", r->jobs);
	json_kv_int(w, "matching_runners", r->runners);
	kv_time(w, "oldest_queued_at", r->oldest_at);
	json_end_object(w);
}

static int queue_print(const struct queue_list *l, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;
	if (json) {
		json_writer_init(&w, &out, false);
		json_begin_array(&w);
		for (size_t i = 0; i < l->n; i++)
			queue_row_write(&w, &l->v[i]);
		json_end_array(&w);
		return admin_print_json(&w, &out);
	}
	for (size_t i = 0; i < l->n; i++) {
		for (size_t k = 0; k < l->v[i].labels.n; k++)
			printf("%s%s", k ? "," : "", l->v[i].labels.v[k]);
		printf("\t%lld queued\t%lld matching runners\n", (long long)l->v[i].jobs,
			(long long)l->v[i].runners);
	}
	return EXIT_OK;
}

int admin_runner_queue(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(queue_list_release) struct queue_list l = { 0 };
	struct err e = { 0 };
	const char *data = NULL;
	bool json;
	int rc = listing_parse(argc, argv, &data, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, data, &e) || store_queue(a.store, &l, &e))
		return admin_fail(&e);
	return queue_print(&l, json);
}
