/* `admin runner …`: the pool of runners. */
#include "coordinator/admin_verbs.h"

#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/body.h"
#include "coordinator/metrics.h"
#include "coordinator/row_json.h"
#include "coordinator/runner_view.h"
#include "coordinator/token.h"

enum { RUNNER_NAME_MAX = 100, CAPACITY_MAX = 64, REASON_MAX = 500 };

/* ---- register and rotate: both print a token once ---- */

static int labels_parse(const char *text, struct strv *ret, struct err *e)
{
	strv_split(ret, text, ',');
	if (!ret->n || ret->n > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "--labels: %zu labels, expected 1 to %d", ret->n,
			LIMIT_LABELS);
	strv_each (label, ret) {
		if (!label_valid(label))
			return err_set(e, ERR_INPUT,
				"--labels: \"%.120s\", expected 1 to 100 of A-Z a-z 0-9 _ . -",
				label);
	}
	return 0;
}

static int expiry_parse(const char *text, struct wall now, struct wall *ret, struct err *e)
{
	int64_t us;
	if (!text)
		return 0;
	if (duration_parse(text, &us, e) || us <= 0)
		return err_set(
			e, ERR_INPUT, "--expires-in %.40s: expected a duration such as 24h", text);
	ret->us = now.us + us;
	return 0;
}

static int token_print(bool json, int64_t id, const char *name, const struct strv *labels,
	int64_t capacity, const char *token, struct wall expires)
{
	struct buf out = BUF_INIT(KIB(64));
	struct json_writer w;
	if (!json) {
		printf("runner %lld (%s)\ntoken %s\nIt is shown this once.\n", (long long)id, name,
			token);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "id", id);
	json_kv_str(&w, "name", name);
	json_kv_strv(&w, "labels", labels);
	json_kv_int(&w, "capacity", capacity);
	json_kv_str(&w, "token", token);
	kv_time(&w, "expires_at", expires);
	json_end_object(&w);
	int code = admin_print_json(&w, &out);
	buf_release_wipe(&out);
	return code;
}

struct register_args {
	const char *data, *output, *name, *labels, *expires_in;
	int64_t capacity;
};

static int do_register(const struct register_args *o, bool json)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(strv_release) struct strv labels = { 0 };
	struct err e = { 0 };
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];
	struct wall now = wall_now(), expires = { 0 };
	int64_t id;
	if (!*o->name || strlen(o->name) > RUNNER_NAME_MAX)
		return cli_fail(EXIT_USAGE, "--name: expected 1 to %d bytes", RUNNER_NAME_MAX);
	if (labels_parse(o->labels, &labels, &e) ||
		expiry_parse(o->expires_in, now, &expires, &e) || admin_open(&a, o->data, &e))
		return admin_fail(&e);
	token_random(token);
	token_hash(token, sha);
	if (store_runner_register(
		    a.store, o->name, &labels, o->capacity, sha, now, expires, &id, &e) ||
		metric_count_now(a.store, METRIC_REGISTRATIONS, &e))
		return admin_fail(&e);
	int code = token_print(json, id, o->name, &labels, o->capacity, token, expires);
	wipe(token, sizeof(token));
	return code;
}

int admin_runner_register(int argc, char **argv)
{
	struct register_args o = { .capacity = 1, .labels = "self-hosted" };
	const struct cli_flag flags[] = {
		{ "name", CLI_STRING, &o.name, "NAME", "unique name", .required = true },
		{ "labels", CLI_STRING, &o.labels, "A,B", "labels it serves" },
		{ "capacity", CLI_INT, &o.capacity, "N", "jobs at one time", 1, CAPACITY_MAX },
		{ "expires-in", CLI_STRING, &o.expires_in, "24h",
			"the token's life (default: for ever)" },
		ADMIN_DATA_FLAG(o.data),
		ADMIN_OUTPUT_FLAG(o.output),
	};
	char **args;
	int n;
	bool json;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc || admin_output(o.output, &json))
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	return do_register(&o, json);
}

/* ---- verbs on one runner: --id and at most one text ---- */

struct one_args {
	const char *data, *output, *reason, *expires_in;
	int64_t id;
};

static int one_parse(
	int argc, char **argv, struct one_args *o, bool reason, bool expiry, bool *ret_json)
{
	struct cli_flag flags[5] = {
		{ "id", CLI_INT, &o->id, "N", "the runner", 1, INT64_MAX, true },
		ADMIN_DATA_FLAG(o->data),
		ADMIN_OUTPUT_FLAG(o->output),
	};
	size_t n_flags = 3;
	char **args;
	int n;
	if (reason)
		flags[n_flags++] =
			(struct cli_flag){ "reason", CLI_STRING, &o->reason, "TEXT", "why" };
	if (expiry)
		flags[n_flags++] = (struct cli_flag){ "expires-in", CLI_STRING, &o->expires_in,
			"24h", "the token's life (default: for ever)" };
	int rc = cli_parse(argc, argv, flags, n_flags, NULL, 0, &args, &n);
	if (rc || admin_output(o->output, ret_json))
		return rc > 0 ? 1 : -1;
	if (o->reason && strlen(o->reason) > REASON_MAX) {
		cli_fail(EXIT_USAGE, "--reason: longer than %d bytes", REASON_MAX);
		return -1;
	}
	return 0;
}

/* Prints the runner as it is after the verb. */
static int one_print(struct admin *a, int64_t id, bool json, const char *done)
{
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };
	if (store_runner_get(a->store, id, &r, &e))
		return admin_fail(&e);
	if (!json) {
		printf("runner %lld (%s) %s\n", (long long)id, r.name, done);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	runner_write(&w, &r, wall_now());
	json_end_object(&w);
	return admin_print_json(&w, &out);
}

int admin_runner_drain(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct one_args o = { 0 };
	struct err e = { 0 };
	bool json;
	int rc = one_parse(argc, argv, &o, true, false, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, o.data, &e) ||
		store_runner_drain(a.store, o.id, o.reason, wall_now(), &e))
		return admin_fail(&e);
	return one_print(&a, o.id, json, "is draining");
}

int admin_runner_undrain(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct one_args o = { 0 };
	struct err e = { 0 };
	bool json;
	int rc = one_parse(argc, argv, &o, false, false, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, o.data, &e) || store_runner_undrain(a.store, o.id, &e))
		return admin_fail(&e);
	admin_wake(&a);
	return one_print(&a, o.id, json, "takes jobs again");
}

int admin_runner_revoke(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct one_args o = { 0 };
	struct err e = { 0 };
	bool json;
	int rc = one_parse(argc, argv, &o, true, false, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (admin_open(&a, o.data, &e) ||
		store_runner_revoke(a.store, o.id, o.reason, wall_now(), &e) ||
		metric_count_now(a.store, METRIC_REVOCATIONS, &e))
		return admin_fail(&e);
	admin_wake(&a);
	return one_print(&a, o.id, json, "is revoked");
}

int admin_runner_rotate_token(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	struct one_args o = { 0 };
	struct err e = { 0 };
	struct wall now = wall_now(), expires = { 0 };
	char token[TOKEN_HEX_MAX];
	unsigned char sha[SHA256_LEN];
	bool json;
	int rc = one_parse(argc, argv, &o, false, true, &json);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	token_random(token);
	token_hash(token, sha);
	if (expiry_parse(o.expires_in, now, &expires, &e) || admin_open(&a, o.data, &e) ||
		store_runner_rotate(a.store, o.id, sha, now, expires, &e) ||
		store_runner_get(a.store, o.id, &r, &e))
		return admin_fail(&e);
	int code = token_print(json, r.id, r.name, &r.labels, r.capacity, token, expires);
	wipe(token, sizeof(token));
	return code;
}

int admin_runner_cleanup_stale(int argc, char **argv)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct err e = { 0 };
	const char *data = NULL, *older = "2m";
	const struct cli_flag flags[] = {
		{ "older-than", CLI_STRING, &older, "2m", "age of the last heartbeat" },
		ADMIN_DATA_FLAG(data),
	};
	char **args;
	int n;
	int64_t age, count;
	struct wall now = wall_now();
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (duration_parse(older, &age, &e))
		return cli_fail(EXIT_USAGE, "--older-than: %s", e.text);
	if (admin_open(&a, data, &e) ||
		store_runner_cleanup_stale(a.store, (struct wall){ now.us - age }, now, &count, &e))
		return admin_fail(&e);
	printf("%lld runners marked offline\n", (long long)count);
	return EXIT_OK;
}
