/*
 * Records as JSON files, one a key, read back strictly: a record that cannot be understood is an
 * error, as it may be the one that says a change is unfinished.
 */
#include "hygiene/host/audit.h"

#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hygiene/host/outbox.h"
#include "state/evidence.h"

const char *audit_status_name(enum audit_status s)
{
	static const char *const names[] = { "planned", "action_started", "completed", "failed" };

	return names[s];
}

void audit_record_release(struct audit_record *r)
{
	free(r->key);
	free(r->host);
	free(r->action);
	free(r->volume);
	free(r->message);
	pairs_release(&r->documents);
	*r = (struct audit_record){ 0 };
}

bool audit_same_intent(const struct audit_record *a, const struct audit_record *b)
{
	return str_eq(a->host, b->host) && str_eq(a->action, b->action) &&
	       str_eq(a->volume, b->volume) && a->mutate == b->mutate;
}

bool audit_unresolved(const struct audit_record *r)
{
	return r->mutate && r->ready && !audit_ended(r);
}

/* ---- writing ---- */

void audit_document(
	struct audit_record *r, const char *name, audit_write_fn write, const void *what)
{
	CLEAN_BUF struct buf out = BUF_INIT(EVIDENCE_RECORD_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	write(what, &w);
	if (json_writer_finish(&w, &e) < 0)
		BUG("document %s: %s", name, e.text);
	pairs_set(&r->documents, name, buf_cstr(&out));
}

static void write_documents(const struct pairs *documents, struct json_writer *w)
{
	json_begin_object(w);
	for (size_t i = 0; i < documents->n; i++) {
		const struct pair *d = &documents->v[i];
		struct json_limits lim = { .bytes = EVIDENCE_RECORD_MAX };
		struct err e = { 0 };
		CLEAN_JSON struct json_doc *doc = json_parse(d->value, strlen(d->value), &lim, &e);

		json_key(w, d->key);
		if (!doc)
			BUG("document %s: %s", d->key, e.text);
		json_copy(w, json_root(doc));
	}
	json_end_object(w);
}

void audit_record_write(const struct audit_record *r, bool documents, struct json_writer *w)
{
	char created[WALL_TEXT_MAX], updated[WALL_TEXT_MAX];

	json_begin_object(w);
	json_kv_str(w, "key", r->key);
	json_kv_str(w, "host", r->host);
	json_kv_str(w, "action", r->action);
	json_kv_str(w, "volume", r->volume);
	json_kv_bool(w, "mutate", r->mutate);
	json_kv_bool(w, "ready", r->ready);
	json_kv_str(w, "status", audit_status_name(r->status));
	json_kv_str(w, "message", r->message);
	json_kv_str(w, "created_at", wall_format(r->created, created));
	json_kv_str(w, "updated_at", wall_format(r->updated, updated));
	if (documents) {
		json_key(w, "documents");
		write_documents(&r->documents, w);
	}
	json_end_object(w);
}

int audit_put(const struct audit *a, struct audit_record *r, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(EVIDENCE_RECORD_MAX);
	struct json_writer w;

	r->updated = wall_now();
	if (!r->created.us)
		r->created = r->updated;
	json_writer_init(&w, &out, false);
	audit_record_write(r, true, &w);
	if (json_writer_finish(&w, e) < 0 ||
		evidence_put(a->records, r->key, buf_slice(&out), e) < 0)
		return err_wrap(e, "audit record %s", r->key);
	return 0;
}

/* ---- reading ---- */

static int take_time(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected a time");
	return wall_parse(v->string, target, e);
}

static int take_status(const struct json_value *v, void *target, struct err *e)
{
	enum audit_status s = AUDIT_PLANNED;

	while (s < AUDIT_FAILED &&
		!(v->type == JSON_STRING && str_eq(v->string, audit_status_name(s))))
		s++;
	if (v->type != JSON_STRING || !str_eq(v->string, audit_status_name(s)))
		return err_set(e, ERR_INPUT, "expected a status of an audit record");
	*(enum audit_status *)target = s;
	return 0;
}

static int take_documents(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object");
	for (size_t i = 0; i < v->count; i++) {
		CLEAN_BUF struct buf out = BUF_INIT(EVIDENCE_RECORD_MAX);
		struct json_writer w;

		json_writer_init(&w, &out, false);
		json_copy(&w, v->items[i]);
		if (json_writer_finish(&w, e) < 0)
			return -1;
		pairs_set(target, v->items[i]->key, buf_cstr(&out));
	}
	return 0;
}

#define AT(member) offsetof(struct audit_record, member)
static const struct json_field fields[] = {
	{ "key", JSON_TO_STRING, AT(key), JSON_REQUIRED },
	{ "host", JSON_TO_STRING, AT(host), JSON_REQUIRED },
	{ "action", JSON_TO_STRING, AT(action), JSON_REQUIRED },
	{ "volume", JSON_TO_STRING, AT(volume) },
	{ "mutate", JSON_TO_BOOL, AT(mutate), JSON_REQUIRED },
	{ "ready", JSON_TO_BOOL, AT(ready), JSON_REQUIRED },
	{ "status", JSON_TO_CUSTOM, AT(status), JSON_REQUIRED, .fn = take_status },
	{ "message", JSON_TO_STRING, AT(message) },
	{ "created_at", JSON_TO_CUSTOM, AT(created), JSON_REQUIRED, .fn = take_time },
	{ "updated_at", JSON_TO_CUSTOM, AT(updated), JSON_REQUIRED, .fn = take_time },
	{ "documents", JSON_TO_CUSTOM, AT(documents), JSON_REQUIRED, .fn = take_documents },
};

static int parse(const struct buf *text, struct audit_record *ret, struct err *e)
{
	struct json_limits lim = { .bytes = EVIDENCE_RECORD_MAX };
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(text), text->len, &lim, e);

	*ret = (struct audit_record){ 0 };
	if (doc && json_decode(json_root(doc), fields, ARRAY_LEN(fields), ret, JSON_STRICT, e) == 0)
		return 0;
	audit_record_release(ret);
	return -1;
}

int audit_get(const struct audit *a, const char *key, struct audit_record *ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_RECORD_MAX);
	struct err why = { 0 };

	if (evidence_get(a->records, key, &text, &why) < 0) {
		if (err_is(&why, ERR_NOT_FOUND))
			return 0;
		*e = why;
		return -1;
	}
	return parse(&text, ret, e) < 0 ? err_wrap(e, "audit record %s", key) : 1;
}

static int newest_first(const void *a, const void *b)
{
	const struct audit_record *x = a, *y = b;

	if (x->created.us != y->created.us)
		return x->created.us < y->created.us ? 1 : -1;
	return strcmp(x->key, y->key);
}

int audit_each(const struct audit *a, struct audit_list *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv paths = { 0 };

	*ret = (struct audit_list){ 0 };
	if (evidence_list(a->records, &paths, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
	}
	ret->v = xcalloc(paths.n + 1, sizeof(*ret->v));
	strv_each (path, &paths) {
		CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_RECORD_MAX);

		if (file_read(path, &text, e) < 0 || parse(&text, &ret->v[ret->n], e) < 0) {
			e->class = ERR_IO; /* evidence is missing: nobody's usage is wrong */
			return err_wrap(e,
				"audit record %s cannot be read; look at it, then move it aside "
				"with `shithubd-runner hygiene apply --resolve --move-damaged`",
				path);
		}
		ret->n++;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), newest_first);
	return 0;
}

void audit_list_release(struct audit_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		audit_record_release(&l->v[i]);
	free(l->v);
	*l = (struct audit_list){ 0 };
}

int audit_open(struct audit *a, const char *state_dir, struct err *e)
{
	*a = (struct audit){ .records = evidence_folder(state_dir, "hygiene/audit", e) };
	a->outbox = a->records ? evidence_folder(state_dir, "hygiene/outbox", e) : NULL;
	return a->outbox ? 0 : -1;
}

void audit_open_existing(struct audit *a, const char *state_dir)
{
	*a = (struct audit){ .records = path_join(state_dir, "hygiene/audit"),
		.outbox = path_join(state_dir, "hygiene/outbox") };
}

static bool is_record(const char *path)
{
	CLEAN_BUF struct buf text = BUF_INIT(EVIDENCE_RECORD_MAX);
	CLEANUP(audit_record_release) struct audit_record r = { 0 };
	struct err e = { 0 };

	return file_read(path, &text, &e) == 0 && parse(&text, &r, &e) == 0;
}

static int move_bad(const char *from, bool (*is_good)(const char *path), const char *to,
	size_t *count, struct err *e)
{
	CLEANUP(strv_release) struct strv paths = { 0 };

	if (evidence_list(from, &paths, e) < 0)
		return -1;
	strv_each (path, &paths) {
		CLEAN_STR char *target = path_join(to, strrchr(path, '/') + 1);

		if (is_good(path))
			continue;
		if (rename(path, target) < 0)
			return err_set_errno(e, errno, "move %s to %s", path, target);
		*count += 1;
	}
	return 0;
}

int audit_move_damaged(const struct audit *a, const char *state_dir, size_t *ret_n, struct err *e)
{
	CLEAN_STR char *folder = evidence_folder(state_dir, "hygiene/damaged", e);

	*ret_n = 0;
	if (!folder || move_bad(a->records, is_record, folder, ret_n, e) < 0)
		return -1;
	return move_bad(a->outbox, outbox_is_message, folder, ret_n, e);
}

void audit_release(struct audit *a)
{
	free(a->records);
	free(a->outbox);
	*a = (struct audit){ 0 };
}
