/*
 * JSON in, JSON out, by tables. A request is checked by the job that sends it and again by the
 * child that takes it; a report is decoded as strictly, because the child has read a hostile
 * archive.
 */
#include "artifact/message.h"

#include "artifact/path_rule.h"
#include "artifact/pattern.h"
#include "base/fs.h"
#include "base/limits.h"
#include "sandbox/child_report.h"

/* ---- requests ---- */

int artifact_request_check(const struct artifact_request *r, struct err *e)
{
	CLEANUP(pattern_list_release) struct pattern_list patterns = { 0 };
	CLEAN_STR char *path = xstrdup(r->path ? r->path : ".");

	if (r->mode == ARTIFACT_UNPACK)
		return path_rule_clean(path, e);
	if (r->level < 0 || r->level > 9)
		return err_set(e, ERR_INPUT, "compression-level: expected 0 to 9");
	if (strlen(r->paths ? r->paths : "") > LIMIT_ARTIFACT_PATHS)
		return err_set(e, ERR_LIMIT, "path: longer than %zu bytes", LIMIT_ARTIFACT_PATHS);
	if (pattern_list_parse(r->paths ? r->paths : "", &patterns, e) == 0)
		return 0;
	return r->mode == ARTIFACT_HASH ? -1 : err_wrap(e, "path");
}

void artifact_order_release(struct artifact_order *o)
{
	free(o->paths);
	free(o->path);
	*o = (struct artifact_order){ 0 };
}

int artifact_request_encode(const struct artifact_request *r, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_int(&w, "mode", r->mode);
	json_kv_str(&w, "paths", r->paths ? r->paths : "");
	json_kv_str(&w, "path", r->path ? r->path : ".");
	json_kv_int(&w, "level", r->level);
	json_kv_bool(&w, "hidden", r->hidden);
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? err_wrap(e, "artifact request") : 0;
}

struct request_wire {
	bool hidden;
	char *paths, *path;
	int64_t mode, level;
};
#define REQUEST(name, kind, at, max)                                                       \
	{                                                                                  \
		name, kind, offsetof(struct request_wire, at), JSON_REQUIRED, 0, max, NULL \
	}
static const struct json_field request_fields[] = {
	REQUEST("mode", JSON_TO_INT, mode, ARTIFACT_HASH),
	REQUEST("paths", JSON_TO_STRING, paths, LIMIT_ARTIFACT_PATHS),
	REQUEST("path", JSON_TO_STRING, path, LIMIT_NAME),
	REQUEST("level", JSON_TO_INT, level, 9),
	REQUEST("hidden", JSON_TO_BOOL, hidden, 0),
};

int artifact_request_decode(struct slice text, struct artifact_order *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, NULL, e);
	struct request_wire w = { 0 };
	int rc = -1;

	if (doc)
		rc = json_decode(json_root(doc), request_fields, ARRAY_LEN(request_fields), &w,
			JSON_STRICT, e);
	*ret = (struct artifact_order){ .r = { .mode = (enum artifact_mode)w.mode,
						.paths = w.paths,
						.path = w.path,
						.level = w.level,
						.hidden = w.hidden },
		.paths = w.paths,
		.path = w.path };
	if (rc < 0)
		return err_wrap(e, "artifact request");
	return artifact_request_check(&ret->r, e);
}

/* ---- reports ---- */

int artifact_result_encode(const struct artifact_result *r, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	child_outcome_write(&w, r->ok, &r->error);
	json_kv_int(&w, "files", (int64_t)r->files);
	json_kv_int(&w, "links", (int64_t)r->links);
	json_kv_int(&w, "folders", (int64_t)r->folders);
	json_kv_int(&w, "bytes", (int64_t)r->bytes);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

struct result_wire {
	struct child_outcome outcome;
	int64_t files, links, folders, bytes;
};
#define RESULT(name, kind, at, max)                                                       \
	{                                                                                 \
		name, kind, offsetof(struct result_wire, at), JSON_REQUIRED, 0, max, NULL \
	}
static const struct json_field result_fields[] = {
	CHILD_OUTCOME_ROWS(struct result_wire, outcome),
	RESULT("files", JSON_TO_INT, files, INT64_MAX),
	RESULT("links", JSON_TO_INT, links, INT64_MAX),
	RESULT("folders", JSON_TO_INT, folders, INT64_MAX),
	RESULT("bytes", JSON_TO_INT, bytes, INT64_MAX),
};

static int result_decode(const struct json_value *v, struct artifact_result *ret, struct err *e)
{
	struct result_wire w = { 0 };
	int rc = json_decode(v, result_fields, ARRAY_LEN(result_fields), &w, JSON_STRICT, e);

	if (rc == 0) {
		*ret = (struct artifact_result){ .ok = w.outcome.ok,
			.files = (uint64_t)w.files,
			.links = (uint64_t)w.links,
			.folders = (uint64_t)w.folders,
			.bytes = (uint64_t)w.bytes };
		child_outcome_take(&w.outcome, &ret->error);
	}
	free(w.outcome.text);
	return rc;
}

int artifact_report_decode(
	struct slice text, char **ret_line, struct artifact_result *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, NULL, e);
	const char *line;

	if (!doc)
		return err_wrap(e, "artifact report");
	line = child_line_text(json_root(doc));
	if (line) {
		*ret_line = xstrdup(line);
		return 1;
	}
	return result_decode(json_root(doc), ret, e) < 0 ? err_wrap(e, "artifact report") : 0;
}
