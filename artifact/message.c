/* See message.h. */
#include "artifact/message.h"

#include "artifact/path_rule.h"
#include "artifact/pattern.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"

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
	return pattern_list_parse(r->paths ? r->paths : "", &patterns, e);
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

int artifact_line_encode(const char *line, struct buf *out, struct err *e)
{
	CLEAN_STR char *clean = text_printable(line);
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "line", clean);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

int artifact_result_encode(const struct artifact_result *r, struct buf *out, struct err *e)
{
	CLEAN_STR char *text = text_printable(r->error.text);
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_bool(&w, "ok", r->ok);
	json_kv_int(&w, "class", r->error.class);
	json_kv_int(&w, "errnum", r->error.errnum);
	json_kv_str(&w, "error", text);
	json_kv_int(&w, "files", (int64_t)r->files);
	json_kv_int(&w, "links", (int64_t)r->links);
	json_kv_int(&w, "folders", (int64_t)r->folders);
	json_kv_int(&w, "bytes", (int64_t)r->bytes);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

struct result_wire {
	bool ok;
	char *text;
	int64_t class, errnum, files, links, folders, bytes;
};
#define RESULT(name, kind, at, max)                                                       \
	{                                                                                 \
		name, kind, offsetof(struct result_wire, at), JSON_REQUIRED, 0, max, NULL \
	}
static const struct json_field result_fields[] = {
	RESULT("ok", JSON_TO_BOOL, ok, 0),
	RESULT("class", JSON_TO_INT, class, ERR_INTERNAL),
	RESULT("errnum", JSON_TO_INT, errnum, 4096),
	RESULT("error", JSON_TO_STRING, text, ERR_TEXT_MAX * 3),
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
		*ret = (struct artifact_result){ .ok = w.ok,
			.files = (uint64_t)w.files,
			.links = (uint64_t)w.links,
			.folders = (uint64_t)w.folders,
			.bytes = (uint64_t)w.bytes };
		if (!w.ok)
			err_set(&ret->error, w.class ? (enum err_class)w.class : ERR_INTERNAL, "%s",
				w.text);
		ret->error.errnum = (int)w.errnum;
	}
	free(w.text);
	return rc;
}

int artifact_report_decode(
	struct slice text, char **ret_line, struct artifact_result *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = json_parse(text.ptr, text.len, NULL, e);
	const char *line;

	if (!doc)
		return err_wrap(e, "artifact report");
	line = json_get_string(json_root(doc), "line");
	if (line) {
		*ret_line = xstrdup(line);
		return 1;
	}
	return result_decode(json_root(doc), ret, e) < 0 ? err_wrap(e, "artifact report") : 0;
}
