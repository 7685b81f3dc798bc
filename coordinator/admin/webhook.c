/*
 * Webhooks from the command line. The secret comes on standard input, as a command line can be read
 * by every user of the machine, and is sealed here. Sending is the work of serve; `test` puts a
 * ping into the outbox and waits for what became of it.
 */
#include "coordinator/admin/webhook.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/fs.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/audit.h"
#include "coordinator/app/token.h"
#include "coordinator/serve/root_key.h"
#include "coordinator/store/webhook.h"
#include "coordinator/view/row_json.h"

#define TEST_US (15 * USEC_PER_SEC)
#define TEST_LOOK_NS 50000000

static const char *const event_words[] = { "workflow_run", "workflow_job", NULL };

/* ---- set ---- */

struct set_options {
	const char *repo, *url, *events;
	bool site, forge;
	int64_t event_bits;
};

static int events_parse(const char *text, int64_t *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv words = { 0 };

	*ret = text ? 0 : WEBHOOK_RUN | WEBHOOK_JOB;
	strv_split(&words, text ? text : "", ',');
	strv_each (word, &words) {
		if (str_eq(word, event_words[0]))
			*ret |= WEBHOOK_RUN;
		else if (str_eq(word, event_words[1]))
			*ret |= WEBHOOK_JOB;
		else
			return err_set(e, ERR_INPUT,
				"--events \"%.40s\": expected workflow_run, workflow_job", word);
	}
	return *ret ? 0 : err_set(e, ERR_INPUT, "--events: expected workflow_run, workflow_job");
}

/* Printable, with a host, and without a password, which the list would show. */
static bool url_valid(const char *url)
{
	const char *host = str_starts(url, "https://")  ? url + 8
			   : str_starts(url, "http://") ? url + 7
							: NULL;

	if (!host || !*host || *host == '/' || strlen(url) > WEBHOOK_URL_MAX)
		return false;
	for (const char *p = url; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			return false;
	return strcspn(host, "@") >= strcspn(host, "/?");
}

static int check_set(struct admin *a UNUSED, void *options, struct err *e)
{
	struct set_options *o = options;

	if (!!o->repo == o->site)
		return err_set(e, ERR_INPUT, "expected either --repo OWNER/NAME or --site");
	if (o->forge && o->site)
		return err_set(e, ERR_INPUT,
			"--forge needs --repo: the URL is that of one repository in the forge's "
			"API");
	if (o->forge && o->events)
		return err_set(e, ERR_INPUT, "--forge takes no --events: it posts statuses");
	if (!url_valid(o->url))
		return err_set(e, ERR_INPUT,
			"--to \"%.100s\": expected http(s)://HOST/… of at most %d printable bytes,"
			" without user and fragment",
			o->url, WEBHOOK_URL_MAX);
	return events_parse(o->events, &o->event_bits, e);
}

static int secret_read(struct buf *secret, struct err *e)
{
	if (fd_read_all(STDIN_FILENO, secret, e) < 0 && !err_is(e, ERR_LIMIT))
		return err_wrap(e, "secret on standard input");
	if (secret->len > WEBHOOK_SECRET_MAX)
		secret->failed = true;
	if (secret->len && secret->data[secret->len - 1] == '\n')
		secret->data[--secret->len] = 0;
	for (size_t i = 0; i < secret->len; i++)
		if (secret->data[i] < ' ' || secret->data[i] > '~')
			secret->failed = true;
	if (secret->len < 8 || !buf_ok(secret))
		return err_set(e, ERR_INPUT,
			"secret on standard input: expected 8 to %d printable ASCII characters",
			WEBHOOK_SECRET_MAX);
	return 0;
}

static int hook_store(struct admin *a, const struct set_options *o, int64_t repo_id,
	const struct buf *secret, int64_t *ret_id, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(WEBHOOK_SECRET_MAX + 64);
	CLEAN_STR char *context = webhook_context(repo_id, o->url);
	struct keys keys = { 0 };
	int rc = root_key_load(&keys, a->store, a->data_dir, e);

	if (rc == 0)
		rc = seal(&keys, context, secret->data, secret->len, &sealed, e);
	keys_wipe(&keys);
	if (rc < 0)
		return -1;
	const struct admin_caller *caller = admin_caller();
	const struct webhook_spec spec = { .repo_id = repo_id,
		.public_only = caller && !caller->site_admin,
		.url = o->url,
		.format = o->forge ? "forge" : "json",
		.events = o->event_bits,
		.sealed = sealed.data,
		.sealed_len = sealed.len };
	return store_webhook_set(a->store, &spec, wall_now(), ret_id, e);
}

/* Without the query, which may hold a token. repo NULL: the site's. */
static int hook_audit(
	struct admin *a, const char *verb, const char *repo, const char *url, struct err *e)
{
	CLEAN_STR char *to = xstrndup(url, strcspn(url, "?"));

	return admin_audit(a,
		(struct audit_entry){ .verb = verb,
			.target_kind = repo ? "repository" : "site",
			.target = repo,
			.reason = to },
		e);
}

static int set_hook(struct admin *a, void *options, struct err *e)
{
	const struct set_options *o = options;
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	struct buf secret = BUF_INIT_SECRET(WEBHOOK_SECRET_MAX + 1);
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t id = 0;
	int rc = secret_read(&secret, e);

	if (rc == 0)
		rc = store_begin(a->store, &tx, e);
	if (rc == 0 && o->repo)
		rc = admin_repo_find(a, o->repo, &repo, e);
	if (rc == 0)
		rc = hook_store(a, o, repo.id, &secret, &id, e);
	buf_release_wipe(&secret);
	if (rc < 0 || hook_audit(a, "webhook.set", o->repo, o->url, e) < 0 ||
		store_commit(&tx, e) < 0)
		return -1;
	if (a->json) {
		json_begin_object(&a->w);
		json_kv_int(&a->w, "id", id);
		json_end_object(&a->w);
	} else {
		printf("webhook %" PRId64 "\n", id);
	}
	return 0;
}

static int repo_of_set(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct set_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

int admin_webhook_set(int argc, char **argv)
{
	struct set_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "changes of one repository" },
		{ "site", CLI_BOOL, &o.site, NULL, "changes of all repositories" },
		{ "to", CLI_STRING, &o.url, "URL", "where to send them", .required = true },
		{ "events", CLI_STRING, &o.events, "LIST", "workflow_run,workflow_job" },
		{ "forge", CLI_BOOL, &o.forge, NULL,
			"post commit statuses to URL/statuses/SHA, with the secret as token" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.reads_stdin = true,
			.help = "The secret is read from standard input; one newline at its end is "
				"dropped.",
			.check = check_set,
			.makes_store = true,
			.work = set_hook,
			.repo_of = repo_of_set });
}

/* ---- list ---- */

static const struct table_column hook_columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "OF" },
	{ "URL" },
	{ "FORMAT" },
	{ "WAITING", TABLE_NUMBER },
	{ "DEAD", TABLE_NUMBER },
	{ "FAILURES", TABLE_NUMBER },
};
static const struct admin_list hooks_list = { ADMIN_LIST("webhooks", hook_columns),
	.order = ADMIN_BY_ID };

static void hook_write(struct json_writer *w, const struct webhook_row *h)
{
	json_begin_object(w);
	json_kv_int(w, "id", h->id);
	json_kv_str(w, "repo", h->repo);
	json_kv_str(w, "url", h->url);
	json_kv_str(w, "format", h->format);
	json_key(w, "events");
	json_begin_array(w);
	for (int i = 0; event_words[i]; i++)
		if (h->events & 1 << i)
			json_str(w, event_words[i]);
	json_end_array(w);
	json_kv_bool(w, "public_only", h->public_only);
	json_kv_int(w, "waiting", h->waiting);
	json_kv_int(w, "dead", h->dead);
	json_kv_int(w, "failures", h->failures);
	kv_time(w, "next_at", h->next_at);
	kv_time(w, "created_at", h->created_at);
	json_end_object(w);
}

static void hook_show(struct admin *a, const struct webhook_row *h)
{
	if (a->json) {
		hook_write(&a->w, h);
		return;
	}
	table_int(&a->table, h->id);
	table_text(&a->table, h->repo ? h->repo : "all repositories");
	table_text(&a->table, h->url);
	table_text(&a->table, h->format);
	table_int(&a->table, h->waiting);
	table_int(&a->table, h->dead);
	table_int(&a->table, h->failures);
}

static int repo_of_list(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	return admin_repo_id(a, *(const char **)options, ret_repo, e);
}

static int list_hooks(struct admin *a, void *options, struct err *e)
{
	CLEANUP(webhook_list_release) struct webhook_list l = { 0 };
	int64_t repo = 0;

	if (repo_of_list(a, options, &repo, e) < 0 || store_webhook_list(a->store, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if ((!repo || l.v[i].repo_id == repo) && admin_row_id(a, l.v[i].id))
			hook_show(a, &l.v[i]);
	return 0;
}

int admin_webhook_list(int argc, char **argv)
{
	const char *repo = NULL;
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &repo, "OWNER/NAME", "those of one repository" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &repo,
			.list = &hooks_list,
			.work = list_hooks,
			.repo_of = repo_of_list });
}

/* Of a verb about one hook; the site's is of none. */
static int repo_of_hook(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	CLEANUP(webhook_row_release) struct webhook_row hook = { 0 };

	if (store_webhook_get(a->store, *(int64_t *)options, &hook, e) < 0)
		return -1;
	*ret_repo = hook.repo_id;
	return 0;
}

/* ---- deliveries ---- */

static const struct table_column delivery_columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "EVENT" },
	{ "RUN", TABLE_NUMBER },
	{ "STATE" },
	{ "OUTCOME" },
	{ "ANSWER", TABLE_NUMBER },
	{ "PROBLEM" },
};
static const struct admin_list deliveries_list = { ADMIN_LIST("deliveries", delivery_columns),
	.limit = 25, .order = ADMIN_BY_ID_DOWN };

static void delivery_write(struct json_writer *w, const struct delivery_row *d)
{
	json_begin_object(w);
	json_kv_int(w, "id", d->id);
	json_kv_int(w, "webhook_id", d->hook_id);
	json_kv_str(w, "guid", d->guid);
	json_kv_str(w, "event", d->event);
	json_kv_int(w, "run_id", d->run_id);
	json_kv_int(w, "job_id", d->job_id);
	json_kv_str(w, "status", d->has_state ? status_text(d->state.status) : NULL);
	json_kv_str(w, "conclusion", conclusion_text(d->state.conclusion));
	kv_time(w, "changed_at", d->changed_at);
	kv_time(w, "tried_at", d->tried_at);
	kv_time(w, "done_at", d->done_at);
	json_kv_int(w, "attempts", d->attempts);
	json_kv_int(w, "answer", d->answer);
	json_kv_str(w, "problem", d->problem);
	json_kv_str(w, "outcome", d->outcome ? d->outcome : "waiting");
	json_end_object(w);
}

static void delivery_show(struct admin *a, const struct delivery_row *d)
{
	if (a->json) {
		delivery_write(&a->w, d);
		return;
	}
	table_int(&a->table, d->id);
	table_text(&a->table, d->event);
	table_int(&a->table, d->run_id);
	table_text(&a->table, d->has_state ? status_text(d->state.status) : "");
	table_text(&a->table, d->outcome ? d->outcome : "waiting");
	table_int(&a->table, d->answer);
	table_text(&a->table, d->problem ? d->problem : "");
}

static int list_deliveries(struct admin *a, void *options, struct err *e)
{
	const int64_t *id = options;
	int64_t total = 0;
	CLEANUP(webhook_row_release) struct webhook_row hook = { 0 };
	CLEANUP(delivery_list_release) struct delivery_list l = { 0 };

	if (store_webhook_get(a->store, *id, &hook, e) < 0 ||
		store_delivery_list(a->store, *id, &a->page, &l, &total, e) < 0)
		return -1;
	admin_total(a, total);
	for (size_t i = 0; i < l.n; i++)
		if (admin_row_id(a, l.v[i].id))
			delivery_show(a, &l.v[i]);
	return 0;
}

int admin_webhook_deliveries(int argc, char **argv)
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the webhook") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.list = &deliveries_list,
			.work = list_deliveries,
			.repo_of = repo_of_hook });
}

/* ---- test, delete ---- */

static int test_wait(struct admin *a, int64_t id, struct delivery_row *ret, struct err *e)
{
	const struct timespec pause = { .tv_nsec = TEST_LOOK_NS };
	struct mono until = mono_add(mono_now(), TEST_US);

	for (;;) {
		if (store_delivery_get(a->store, id, ret, e) < 0)
			return -1;
		if (ret->tried_at.us || ret->done_at.us)
			return 0;
		if (mono_diff(mono_now(), until) > 0)
			return err_set(e, ERR_TIMEOUT,
				"nothing was sent within 15 seconds: is serve running, and does "
				"nothing wait before it (webhook deliveries)?");
		delivery_row_release(ret);
		nanosleep(&pause, NULL);
	}
}

static int test_hook(struct admin *a, void *options, struct err *e)
{
	const int64_t *id = options;
	int64_t delivery = 0;
	CLEANUP(delivery_row_release) struct delivery_row d = { 0 };

	if (store_webhook_ping(a->store, *id, wall_now(), &delivery, e) < 0 ||
		test_wait(a, delivery, &d, e) < 0)
		return -1;
	if (a->json)
		delivery_write(&a->w, &d);
	else if (d.problem)
		printf("not delivered: %s\n", d.problem);
	else
		printf("delivered\n");
	a->code = d.problem ? EXIT_FINDINGS : EXIT_OK;
	return 0;
}

static int delete_hook(struct admin *a, void *options, struct err *e)
{
	const int64_t *id = options;
	CLEANUP(webhook_row_release) struct webhook_row hook = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || store_webhook_get(a->store, *id, &hook, e) < 0 ||
		store_webhook_delete(a->store, *id, e) < 0 ||
		hook_audit(a, "webhook.delete", hook.repo, hook.url, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int id_verb(int argc, char **argv, bool text_only,
	int (*work)(struct admin *a, void *options, struct err *e))
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the webhook") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.text_only = text_only,
			.work = work,
			.repo_of = repo_of_hook });
}

int admin_webhook_test(int argc, char **argv)
{
	return id_verb(argc, argv, false, test_hook);
}

int admin_webhook_delete(int argc, char **argv)
{
	return id_verb(argc, argv, true, delete_hook);
}

/* ---- the token of a badge ---- */

struct badge_options {
	const char *repo;
	bool revoke;
};

static int store_badge_token(struct admin *a, const struct badge_options *o, const char *token,
	struct repo_row *repo, struct err *e)
{
	const struct audit_entry entry = { .verb = o->revoke ? "repo.badge-token-revoke"
							     : "repo.badge-token",
		.target_kind = "repository",
		.target = o->repo };
	unsigned char sha[SHA256_LEN];
	CLEAN_TX struct store_tx tx = { 0 };

	token_hash(token, sha);
	if (store_begin(a->store, &tx, e) < 0 || admin_repo_find(a, o->repo, repo, e) < 0 ||
		store_repo_badge_set(a->store, repo->id, o->revoke ? NULL : sha, e) < 0 ||
		admin_audit(a, entry, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int set_badge_token(struct admin *a, void *options, struct err *e)
{
	const struct badge_options *o = options;
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	char token[TOKEN_HEX_MAX] = "";

	if (!o->revoke)
		token_random(token);
	if (store_badge_token(a, o, token, &repo, e) < 0)
		return -1;
	CLEAN_STR char *path = xasprintf("/%s/%s/badge.svg?token=%s", repo.owner, repo.name, token);
	if (a->json) {
		json_begin_object(&a->w);
		json_kv_str(&a->w, "token", o->revoke ? NULL : token);
		json_kv_str(&a->w, "path", o->revoke ? NULL : path);
		json_end_object(&a->w);
	} else if (!o->revoke) {
		printf("%s\n", path);
	}
	return 0;
}

static int repo_of_badge(struct admin *a, void *options, int64_t *ret_repo, struct err *e)
{
	const struct badge_options *o = options;

	return admin_repo_id(a, o->repo, ret_repo, e);
}

int admin_repo_badge_token(int argc, char **argv)
{
	struct badge_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "the repository", .required = true },
		{ "revoke", CLI_BOOL, &o.revoke, NULL, "end the token instead" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.help = "A new token takes the place of the old one. It shows the badge "
				"and "
				"nothing else.",
			.work = set_badge_token,
			.repo_of = repo_of_badge });
}
