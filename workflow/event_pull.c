/*
 * The names are the field's, so that a workflow written elsewhere reads what it expects. What the
 * host did not say is null or left out, never made up.
 */
#include "workflow/event.h"

/* refs/heads/x → x */
static const char *short_ref(const char *name)
{
	return str_starts(name, "refs/heads/") ? name + strlen("refs/heads/") : name;
}

static void kv_person(struct json_writer *w, const char *key, const char *login)
{
	json_key(w, key);
	if (!login) {
		json_null(w);
		return;
	}
	json_begin_object(w);
	json_kv_str(w, "login", login);
	json_end_object(w);
}

/* head or base. */
static void kv_side(struct json_writer *w, const char *key, const char *ref, const char *sha,
	const char *repo, bool fork)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_str(w, "ref", ref);
	json_kv_str(w, "sha", sha);
	if (repo) {
		json_key(w, "repo");
		json_begin_object(w);
		json_kv_str(w, "full_name", repo);
		json_kv_bool(w, "fork", fork);
		json_end_object(w);
	}
	json_end_object(w);
}

static void kv_labels(struct json_writer *w, const struct strv *labels)
{
	json_key(w, "labels");
	json_begin_array(w);
	strv_each (label, labels) {
		json_begin_object(w);
		json_kv_str(w, "name", label);
		json_end_object(w);
	}
	json_end_array(w);
}

static void write_local(struct json_writer *w, const struct event_facts *f)
{
	json_begin_object(w);
	json_kv_int(w, "number", 1);
	kv_side(w, "head", short_ref(f->ref), f->after, NULL, false);
	json_end_object(w);
}

void event_pull_write(struct json_writer *w, const struct event_facts *f)
{
	const struct event_pull *p = f->pull;

	if (!p) {
		write_local(w, f);
		return;
	}
	json_begin_object(w);
	json_kv_int(w, "number", p->number);
	json_kv_str(w, "state", p->closed ? "closed" : "open");
	json_kv_str(w, "title", p->title);
	json_kv_str(w, "body", p->body);
	kv_person(w, "user", p->author);
	json_kv_str(w, "author_association", p->association);
	json_kv_bool(w, "draft", p->draft);
	json_kv_bool(w, "merged", p->merged);
	json_kv_str(w, "merge_commit_sha", p->merge_sha);
	kv_labels(w, p->labels);
	kv_side(w, "head", p->head_ref, p->head_sha, p->head_repo, p->fork);
	kv_side(w, "base", p->base_ref, p->base_sha, f->repository, false);
	json_end_object(w);
}
