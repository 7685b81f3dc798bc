/*
 * JSON in, JSON out, by tables. The order for the tree writer is the request without its token: the
 * writer must not even hold it. What comes back from a child is decoded as strictly as a request,
 * because the child has read a hostile pack.
 */
#include "checkout/message.h"

#include "base/codec.h"
#include "base/message/frame.h"
#include "base/http/reach.h"
#include "base/limits.h"
#include "sandbox/child_report.h"

void request_copy_release(struct request_copy *c)
{
	wipe_free(c->token);
	free(c->url);
	free(c->sha);
	free(c->ref);
	free(c->path);
	free(c->ca_file);
	*c = (struct request_copy){ 0 };
}

struct checkout_request request_view(const struct request_copy *c)
{
	return (struct checkout_request){
		.url = c->url,
		.token = c->token,
		.sha = c->sha,
		.ref = c->ref,
		.path = c->path,
		.ca_file = c->ca_file,
		.depth = c->depth,
		.timeout_us = c->timeout_us,
		.tags = c->tags,
		.keep = c->keep,
		.submodules = c->submodules,
		.any_address = c->any_address,
		.reach = c->reach,
	};
}

static void kv_optional(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_kv_str(w, key, value);
}

int request_encode(
	const struct checkout_request *r, bool with_token, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "url", r->url);
	if (with_token)
		kv_optional(&w, "token", r->token);
	kv_optional(&w, "sha", r->sha);
	kv_optional(&w, "ref", r->ref);
	kv_optional(&w, "path", r->path);
	kv_optional(&w, "ca_file", r->ca_file);
	json_kv_int(&w, "depth", r->depth);
	json_kv_int(&w, "timeout_us", r->timeout_us);
	json_kv_bool(&w, "tags", r->tags);
	json_kv_bool(&w, "keep", r->keep);
	json_kv_bool(&w, "submodules", r->submodules);
	json_kv_bool(&w, "any_address", r->any_address);
	json_kv_int(&w, "reach", r->reach);
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? err_wrap(e, "checkout request") : 0;
}

#define FIELD(name, kind, flags, max)                                                 \
	{                                                                             \
#name, kind, offsetof(struct request_copy, name), flags, 0, max, NULL \
	}

static const struct json_field request_fields[] = {
	FIELD(url, JSON_TO_STRING, JSON_REQUIRED, LIMIT_NAME),
	FIELD(token, JSON_TO_STRING, 0, LIMIT_TOKEN),
	FIELD(sha, JSON_TO_STRING, 0, 64),
	FIELD(ref, JSON_TO_STRING, 0, LIMIT_NAME),
	FIELD(path, JSON_TO_STRING, 0, LIMIT_NAME),
	FIELD(ca_file, JSON_TO_STRING, 0, LIMIT_NAME),
	FIELD(depth, JSON_TO_INT, JSON_REQUIRED, INT32_MAX),
	FIELD(timeout_us, JSON_TO_INT, 0, INT64_MAX),
	FIELD(tags, JSON_TO_BOOL, 0, 0),
	FIELD(keep, JSON_TO_BOOL, 0, 0),
	FIELD(submodules, JSON_TO_BOOL, 0, 0),
	FIELD(any_address, JSON_TO_BOOL, 0, 0),
	FIELD(reach, JSON_TO_INT, 0, REACH_ANY),
};

/* Some coordinators name the branch only. Without an id the server is asked what the name means. */
static void complete_ref(struct request_copy *c)
{
	if (str_empty(c->ref)) {
		free_charp(&c->ref);
	} else if (c->sha && !str_starts(c->ref, "refs/")) {
		char *full = xasprintf("refs/heads/%s", c->ref);

		free(c->ref);
		c->ref = full;
	}
}

int request_decode(struct slice text, struct request_copy *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, NULL, e);

	if (!doc || json_decode(json_root(doc), request_fields, ARRAY_LEN(request_fields), ret,
			    JSON_STRICT, e) < 0) {
		request_copy_release(ret);
		return err_wrap(e, "checkout request");
	}
	complete_ref(ret);
	return 0;
}

void end_message_release(struct end_message *m)
{
	strv_release(&m->shallow);
	ref_list_release(&m->refs);
	free_charp(&m->target);
	free_charp(&m->ref);
}

int end_encode(const struct end_message *m, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_strv(&w, "shallow", &m->shallow);
	json_kv_strv(&w, "names", &m->refs.names);
	json_kv_strv(&w, "oids", &m->refs.oids);
	kv_optional(&w, "target", m->target);
	kv_optional(&w, "ref", m->ref);
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? err_wrap(e, "end of the pack") : 0;
}

static const struct json_field end_fields[] = {
	{ "shallow", JSON_TO_STRV, offsetof(struct end_message, shallow), JSON_REQUIRED, 0,
		ANSWER_SHALLOW_MAX, NULL },
	{ "names", JSON_TO_STRV, offsetof(struct end_message, refs.names), JSON_REQUIRED, 0,
		ADVERT_REFS_MAX, NULL },
	{ "oids", JSON_TO_STRV, offsetof(struct end_message, refs.oids), JSON_REQUIRED, 0,
		ADVERT_REFS_MAX, NULL },
	{ "target", JSON_TO_STRING, offsetof(struct end_message, target), 0, 0, 64, NULL },
	{ "ref", JSON_TO_STRING, offsetof(struct end_message, ref), 0, 0, LIMIT_NAME, NULL },
};

static int check_oids(const struct strv *list, struct err *e)
{
	strv_each (oid, list)
		if (!is_hex_oid(oid))
			return err_set(e, ERR_PROTO, "\"%.60s\" is not an object id", oid);
	return 0;
}

int end_decode(struct slice text, struct end_message *ret, struct err *e)
{
	struct json_limits lim = { .bytes = FRAME_LARGE,
		.nodes = ANSWER_SHALLOW_MAX + 2 * ADVERT_REFS_MAX + 10 };
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, &lim, e);

	if (!doc || json_decode(json_root(doc), end_fields, ARRAY_LEN(end_fields), ret, JSON_STRICT,
			    e) < 0)
		return err_wrap(e, "end of the pack");
	if (check_oids(&ret->shallow, e) < 0 || check_oids(&ret->refs.oids, e) < 0)
		return err_wrap(e, "end of the pack");
	if (ret->target && !is_hex_oid(ret->target))
		return err_set(e, ERR_PROTO, "end of the pack: target is not an object id");
	if (ret->refs.names.n != ret->refs.oids.n)
		return err_set(e, ERR_PROTO, "end of the pack: names and ids differ in number");
	return 0;
}

struct result_wire {
	struct checkout_result r;
	struct child_outcome outcome;
	char *sha;
	int64_t pack_bytes, objects, files;
};

#define RESULT(name, kind, at, max)                                                       \
	{                                                                                 \
		name, kind, offsetof(struct result_wire, at), JSON_REQUIRED, 0, max, NULL \
	}

static const struct json_field result_fields[] = {
	CHILD_OUTCOME_ROWS(struct result_wire, outcome),
	RESULT("retryable", JSON_TO_BOOL, r.retryable, 0),
	{ "sha", JSON_TO_STRING, offsetof(struct result_wire, sha), 0, 0, 40, NULL },
	RESULT("pack_bytes", JSON_TO_INT, pack_bytes, INT64_MAX),
	RESULT("objects", JSON_TO_INT, objects, INT64_MAX),
	RESULT("files", JSON_TO_INT, files, INT64_MAX),
	RESULT("fetch_us", JSON_TO_INT, r.fetch_us, INT64_MAX),
	RESULT("index_us", JSON_TO_INT, r.index_us, INT64_MAX),
	RESULT("write_us", JSON_TO_INT, r.write_us, INT64_MAX),
};

int result_encode(const struct checkout_result *r, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	child_outcome_write(&w, r->ok, &r->error);
	json_kv_bool(&w, "retryable", r->retryable);
	json_kv_str(&w, "sha", r->sha);
	json_kv_int(&w, "pack_bytes", (int64_t)r->pack_bytes);
	json_kv_int(&w, "objects", (int64_t)r->objects);
	json_kv_int(&w, "files", (int64_t)r->files);
	json_kv_int(&w, "fetch_us", r->fetch_us);
	json_kv_int(&w, "index_us", r->index_us);
	json_kv_int(&w, "write_us", r->write_us);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

static int result_decode(const struct json_value *v, struct checkout_result *ret, struct err *e)
{
	struct result_wire w = { 0 };
	int rc = json_decode(v, result_fields, ARRAY_LEN(result_fields), &w, JSON_STRICT, e);

	if (rc == 0) {
		*ret = w.r;
		ret->ok = w.outcome.ok;
		child_outcome_take(&w.outcome, &ret->error);
		ret->pack_bytes = (uint64_t)w.pack_bytes;
		ret->objects = (uint64_t)w.objects;
		ret->files = (uint64_t)w.files;
		if (w.sha && is_hex_oid(w.sha))
			memcpy(ret->sha, w.sha, sizeof(ret->sha));
	}
	free(w.outcome.text);
	free(w.sha);
	return rc;
}

static void submodule_release(struct submodule *s)
{
	free_charp(&s->name);
	free_charp(&s->path);
	free_charp(&s->url);
	free_charp(&s->sha);
}

void submodule_list_release(struct submodule_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		submodule_release(&l->v[i]);
	free(l->v);
	*l = (struct submodule_list){ 0 };
}

#define SUBMODULE(key, at, max)                                                                  \
	{                                                                                        \
		key, JSON_TO_STRING, offsetof(struct submodule, at), JSON_REQUIRED, 1, max, NULL \
	}

static const struct json_field submodule_fields[] = {
	SUBMODULE("submodule", name, LIMIT_NAME),
	SUBMODULE("path", path, LIMIT_NAME),
	SUBMODULE("url", url, LIMIT_NAME),
	SUBMODULE("sha", sha, 40),
};

int submodule_encode(const struct submodule *m, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "submodule", m->name);
	json_kv_str(&w, "path", m->path);
	json_kv_str(&w, "url", m->url);
	json_kv_str(&w, "sha", m->sha);
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? err_wrap(e, "submodule") : 0;
}

void report_message_release(struct report_message *m)
{
	free_charp(&m->line);
	submodule_release(&m->submodule);
}

int report_decode(struct slice text, struct report_message *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, NULL, e);
	const char *line;
	int rc;

	if (!doc)
		return err_wrap(e, "checkout report");
	line = child_line_text(json_root(doc));
	if (line) {
		ret->kind = REPORT_LINE;
		ret->line = xstrdup(line);
		return 0;
	}
	if (json_get(json_root(doc), "submodule")) {
		ret->kind = REPORT_SUBMODULE;
		rc = json_decode(json_root(doc), submodule_fields, ARRAY_LEN(submodule_fields),
			&ret->submodule, JSON_STRICT, e);
	} else {
		ret->kind = REPORT_RESULT;
		rc = result_decode(json_root(doc), &ret->result, e);
	}
	return rc < 0 ? err_wrap(e, "checkout report") : 0;
}
