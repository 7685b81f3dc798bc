/*
 * A table of members rather than a function an event: a payload that a user gives for a local run
 * is completed member by member, and what the coordinator sends is the same table without one.
 */
#include "workflow/event.h"

/* ---- pieces ---- */

static void kv_known(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_kv_str(w, key, value);
}

static void write_person(struct json_writer *w, const char *name_key, const char *name)
{
	if (str_empty(name)) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_str(w, name_key, name);
	json_end_object(w);
}

static void write_author(
	struct json_writer *w, const char *key, const char *name, const char *email)
{
	if (!name && !email)
		return;
	json_key(w, key);
	json_begin_object(w);
	kv_known(w, "name", name);
	kv_known(w, "email", email);
	json_end_object(w);
}

/* <server>/<owner>/<name>/<rest>; nothing without a server. */
static void kv_link(
	struct json_writer *w, const char *key, const struct event_facts *f, const char *rest)
{
	CLEAN_STR char *url = xasprintf("%s/%s%s", f->server_url, f->repository, rest);

	if (!str_empty(f->server_url))
		json_kv_str(w, key, url);
}

/* As peers give it: without the line's end that git keeps. */
static void kv_message(struct json_writer *w, const char *message)
{
	size_t n = message ? strlen(message) : 0;

	while (n && message[n - 1] == '\n')
		n--;
	if (!message)
		return;
	json_key(w, "message");
	json_strn(w, message, n);
}

static void write_commit(
	struct json_writer *w, const struct event_facts *f, const struct event_commit *c)
{
	CLEAN_STR char *page = xasprintf("/commit/%s", c->id);

	json_begin_object(w);
	json_kv_str(w, "id", c->id);
	kv_known(w, "tree_id", c->tree);
	json_kv_bool(w, "distinct", c->distinct);
	kv_message(w, c->message);
	kv_known(w, "timestamp", c->timestamp);
	kv_link(w, "url", f, page);
	write_author(w, "author", c->author_name, c->author_email);
	write_author(w, "committer", c->committer_name, c->committer_email);
	json_end_object(w);
}

static const char *before(const struct event_facts *f)
{
	return f->before ? f->before : EVENT_NO_COMMIT;
}

static bool created(const struct event_facts *f)
{
	return str_eq(before(f), EVENT_NO_COMMIT);
}

/* ---- members of every event ---- */

static void repository(struct json_writer *w, const struct event_facts *f)
{
	const char *slash = strchr(f->repository, '/');
	CLEAN_STR char *owner =
		xmemdup0(f->repository, slash ? (size_t)(slash - f->repository) : 0);

	json_begin_object(w);
	if (f->repository_id)
		json_kv_int(w, "id", f->repository_id);
	json_kv_str(w, "name", slash ? slash + 1 : f->repository);
	json_kv_str(w, "full_name", f->repository);
	json_key(w, "owner");
	json_begin_object(w);
	json_kv_str(w, "login", owner);
	json_kv_str(w, "name", owner);
	json_end_object(w);
	if (f->private_known)
		json_kv_bool(w, "private", f->private);
	kv_known(w, "default_branch", f->default_branch);
	kv_link(w, "html_url", f, "");
	kv_link(w, "clone_url", f, ".git");
	json_end_object(w);
}

static void sender(struct json_writer *w, const struct event_facts *f)
{
	write_person(w, "login", f->actor);
}

static void ref(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->ref);
}

/* ---- push ---- */

static void push_before(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, before(f));
}

static void push_after(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->after);
}

static void push_base_ref(struct json_writer *w, const struct event_facts *f)
{
	(void)f;
	json_null(w);
}

static void push_created(struct json_writer *w, const struct event_facts *f)
{
	json_bool(w, created(f));
}

static void push_deleted(struct json_writer *w, const struct event_facts *f)
{
	(void)f; /* a deletion starts no run */
	json_bool(w, false);
}

static void push_forced(struct json_writer *w, const struct event_facts *f)
{
	json_bool(w, f->forced);
}

static void push_compare(struct json_writer *w, const struct event_facts *f)
{
	CLEAN_STR char *page = created(f) ? xasprintf("/commit/%s", f->after)
					  : xasprintf("/compare/%s...%s", before(f), f->after);
	CLEAN_STR char *url = xasprintf("%s/%s%s", f->server_url, f->repository, page);

	json_str(w, str_empty(f->server_url) ? NULL : url);
}

static void push_commits(struct json_writer *w, const struct event_facts *f)
{
	json_begin_array(w);
	for (size_t i = 0; i < f->n_commits; i++)
		write_commit(w, f, &f->commits[i]);
	json_end_array(w);
}

static void push_head(struct json_writer *w, const struct event_facts *f)
{
	const struct event_commit alone = { .id = f->after };

	write_commit(w, f, f->head ? f->head : &alone);
}

static void push_pusher(struct json_writer *w, const struct event_facts *f)
{
	write_person(w, "name", f->actor);
}

/* ---- the other events ---- */

/* A local run is an opened one with the number 1. */
static void pull_action(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->pull ? f->pull->action : "opened");
}

static void pull_number(struct json_writer *w, const struct event_facts *f)
{
	json_int(w, f->pull ? f->pull->number : 1);
}

static void pull_before(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->pull->before);
}

static bool has_before(const struct event_facts *f)
{
	return f->pull && f->pull->before;
}

static void pull_after(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->pull->head_sha);
}

static void pull_label(struct json_writer *w, const struct event_facts *f)
{
	write_person(w, "name", f->pull->label);
}

static bool has_label(const struct event_facts *f)
{
	return f->pull && f->pull->label;
}

static void file(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->workflow_file);
}

static void inputs(struct json_writer *w, const struct event_facts *f)
{
	json_begin_object(w);
	for (size_t i = 0; f->inputs && i < f->inputs->n; i++)
		json_kv_str(w, f->inputs->v[i].key, f->inputs->v[i].value);
	json_end_object(w);
}

static void cron(struct json_writer *w, const struct event_facts *f)
{
	json_str(w, f->cron);
}

/* ---- the table ---- */

/* event NULL: of every event. always: also in place of a given one. has NULL: it always has. */
static const struct {
	const char *event, *key;
	void (*write)(struct json_writer *w, const struct event_facts *f);
	bool always;
	bool (*has)(const struct event_facts *f);
} members[] = {
	{ NULL, "repository", repository, false },
	{ NULL, "sender", sender, false },
	{ "push", "ref", ref, false },
	{ "push", "before", push_before, false },
	{ "push", "after", push_after, false },
	{ "push", "base_ref", push_base_ref, false },
	{ "push", "created", push_created, false },
	{ "push", "deleted", push_deleted, false },
	{ "push", "forced", push_forced, false },
	{ "push", "compare", push_compare, false },
	{ "push", "commits", push_commits, false },
	{ "push", "head_commit", push_head, false },
	{ "push", "pusher", push_pusher, false },
	{ "pull_request", "action", pull_action, false },
	{ "pull_request", "number", pull_number, false },
	{ "pull_request", "before", pull_before, false, has_before },
	{ "pull_request", "after", pull_after, false, has_before },
	{ "pull_request", "label", pull_label, false, has_label },
	{ "pull_request", "pull_request", event_pull_write, false },
	{ "workflow_dispatch", "ref", ref, false },
	{ "workflow_dispatch", "workflow", file, false },
	{ "workflow_dispatch", "inputs", inputs, true },
	{ "schedule", "schedule", cron, false },
	{ "schedule", "workflow", file, false },
};

static bool is_replaced(const struct event_facts *f, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].always && str_eq(members[i].key, key) &&
			str_eq(members[i].event, f->name))
			return true;
	return false;
}

void event_payload_write(
	struct json_writer *w, const struct event_facts *f, const struct json_value *given)
{
	json_begin_object(w);
	for (size_t i = 0; given && i < given->count; i++) {
		if (is_replaced(f, given->items[i]->key))
			continue;
		json_key(w, given->items[i]->key);
		json_copy(w, given->items[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if ((members[i].event && !str_eq(members[i].event, f->name)) ||
			(members[i].has && !members[i].has(f)) ||
			(!members[i].always && json_get(given, members[i].key)))
			continue;
		json_key(w, members[i].key);
		members[i].write(w, f);
	}
	json_end_object(w);
}
