#include "coordinator/trigger_payload.h"

#include "base/limits.h"

static void write_repository(
	struct json_writer *w, const struct trigger *t, const struct repo_row *repo)
{
	CLEAN_STR char *full = xasprintf("%s/%s", repo->owner, repo->name);

	json_key(w, "repository");
	json_begin_object(w);
	json_kv_int(w, "id", repo->id);
	json_kv_str(w, "name", repo->name);
	json_kv_str(w, "full_name", full);
	json_key(w, "owner");
	json_begin_object(w);
	json_kv_str(w, "login", repo->owner);
	json_kv_str(w, "name", repo->owner);
	json_end_object(w);
	json_kv_bool(w, "private", repo->private);
	json_kv_str(w, "default_branch", repo->default_branch);
	if (t->public_url) {
		CLEAN_STR char *html = xasprintf("%s/%s", t->public_url, full);
		CLEAN_STR char *clone = xasprintf("%s.git", html);
		json_kv_str(w, "html_url", html);
		json_kv_str(w, "clone_url", clone);
	}
	json_end_object(w);
}

static void write_person(
	struct json_writer *w, const char *key, const char *name_key, const char *name)
{
	json_key(w, key);
	if (!name) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_str(w, name_key, name);
	json_end_object(w);
}

static void write_commit(struct json_writer *w, const struct commit_info *c)
{
	json_key(w, "head_commit");
	json_begin_object(w);
	json_kv_str(w, "id", c->oid);
	json_kv_str(w, "message", c->message);
	json_kv_str(w, "timestamp", c->timestamp);
	json_key(w, "author");
	json_begin_object(w);
	json_kv_str(w, "name", c->author_name);
	json_kv_str(w, "email", c->author_email);
	json_end_object(w);
	json_end_object(w);
}

static void write_compare(struct json_writer *w, const struct trigger *t,
	const struct repo_row *repo, const struct ref_update *u)
{
	if (!t->public_url)
		return;
	bool created = oid_is_zero(u->before);
	CLEAN_STR char *url = created ? xasprintf("%s/%s/%s/commit/%s", t->public_url, repo->owner,
						repo->name, u->after)
				      : xasprintf("%s/%s/%s/compare/%s...%s", t->public_url,
						repo->owner, repo->name, u->before, u->after);
	json_kv_str(w, "compare", url);
}

static char *finish(struct json_writer *w, struct buf *out, struct err *e)
{
	json_end_object(w);
	if (json_writer_finish(w, e) < 0) {
		err_wrap(e, "event payload");
		return NULL;
	}
	return buf_take(out);
}

char *payload_push(const struct trigger *t, const struct repo_row *repo,
	const struct payload_push *p, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "ref", p->update->ref);
	json_kv_str(&w, "before", p->update->before);
	json_kv_str(&w, "after", p->update->after);
	json_kv_bool(&w, "created", oid_is_zero(p->update->before));
	json_kv_bool(&w, "deleted", false);
	write_compare(&w, t, repo, p->update);
	write_repository(&w, t, repo);
	write_person(&w, "pusher", "name", p->pusher);
	write_person(&w, "sender", "login", p->pusher);
	write_commit(&w, p->head);
	return finish(&w, &out, e);
}

char *payload_dispatch(const struct trigger *t, const struct repo_row *repo, const char *file,
	const char *ref, const struct pairs *inputs, const char *actor, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "ref", ref);
	json_kv_str(&w, "workflow", file);
	json_kv_pairs(&w, "inputs", inputs);
	write_repository(&w, t, repo);
	write_person(&w, "sender", "login", actor);
	return finish(&w, &out, e);
}
