#include "coordinator/body.h"

#include "base/limits.h"

enum { LABEL_MAX = 100, CAPACITY_MAX = 64, HOST_TEXT_MAX = 4096 };

bool label_valid(const char *label)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";
	size_t n = strlen(label);
	return n >= 1 && n <= LABEL_MAX && strspn(label, allowed) == n;
}

static int body_decode(
	struct slice text, const struct json_field *fields, size_t n, void *out, struct err *e)
{
	struct json_limits lim = { .bytes = LIMIT_API_BODY };
	CLEAN_JSON struct json_doc *d = json_parse(text.ptr, text.len, &lim, e);
	if (!d) {
		/* Too deep or too many values is malformed here; too many bytes the route refused.
		 */
		if (e)
			e->class = ERR_INPUT;
		return -1;
	}
	if (json_root(d)->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "body is a JSON %s, expected an object",
			json_type_name(json_root(d)->type));
	return json_decode(json_root(d), fields, n, out, JSON_STRICT, e);
}

/* ---- heartbeat ---- */

static int labels_take(const struct json_value *v, void *target, struct err *e)
{
	struct heartbeat_body *b = target;
	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY || v->count > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "expected a list of at most %d labels", LIMIT_LABELS);
	json_array_each (item, v) {
		if (item->type != JSON_STRING || !label_valid(item->string))
			return err_set(e, ERR_INPUT,
				"expected labels of 1 to %d of the characters A-Z a-z 0-9 _ . -",
				LABEL_MAX);
		if (!strv_contains(&b->labels, item->string))
			strv_add(&b->labels, item->string);
	}
	b->labels_given = true;
	return 0;
}

static const struct json_field heartbeat_fields[] = {
	{ "labels", JSON_TO_CUSTOM, 0, .fn = labels_take },
	{ "capacity", JSON_TO_INT, offsetof(struct heartbeat_body, capacity), 0, 1, CAPACITY_MAX },
	{ "host_name", JSON_TO_STRING, offsetof(struct heartbeat_body, host_name), 0, 0,
		HOST_TEXT_MAX },
	{ "version", JSON_TO_STRING, offsetof(struct heartbeat_body, version), 0, 0,
		HOST_TEXT_MAX },
};

static void metadata_cut(char *text)
{
	if (text && strlen(text) > LIMIT_METADATA)
		text[utf8_whole_prefix(text, LIMIT_METADATA)] = 0;
}

int heartbeat_parse(struct slice text, struct heartbeat_body *ret, struct err *e)
{
	if (body_decode(text, heartbeat_fields, ARRAY_LEN(heartbeat_fields), ret, e))
		return -1;
	metadata_cut(ret->host_name);
	metadata_cut(ret->version);
	return 0;
}

void heartbeat_release(struct heartbeat_body *b)
{
	strv_release(&b->labels);
	free(b->host_name);
	free(b->version);
	*b = (struct heartbeat_body){ 0 };
}

/* ---- status reports ---- */

static int status_take(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected a text");
	return status_parse(v->string, target, e);
}

static int conclusion_take(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING && v->type != JSON_NULL)
		return err_set(e, ERR_INPUT, "expected a text");
	return conclusion_parse(v->type == JSON_NULL ? NULL : v->string, target, e);
}

static int time_take(const struct json_value *v, void *target, struct err *e)
{
	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected an RFC 3339 time");
	return wall_parse(v->string, target, e);
}

static const struct json_field report_fields[] = {
	{ "status", JSON_TO_CUSTOM, offsetof(struct report, state.status), JSON_REQUIRED,
		.fn = status_take },
	{ "conclusion", JSON_TO_CUSTOM, offsetof(struct report, state.conclusion),
		.fn = conclusion_take },
	{ "started_at", JSON_TO_CUSTOM, offsetof(struct report, started_at), .fn = time_take },
	{ "completed_at", JSON_TO_CUSTOM, offsetof(struct report, completed_at), .fn = time_take },
};

int report_parse(struct slice text, struct report *ret, struct err *e)
{
	return body_decode(text, report_fields, ARRAY_LEN(report_fields), ret, e);
}

/* ---- log chunks ---- */

static int chunk_take(const struct json_value *v, void *target, struct err *e)
{
	struct buf *chunk = target;
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected base64 text");
	if (v->len / 4 * 3 > LIMIT_LOG_CHUNK + 2)
		return err_set(e, ERR_LIMIT, "larger than %zu bytes", LIMIT_LOG_CHUNK);
	buf_init(chunk, LIMIT_LOG_CHUNK + 2);
	if (base64_decode(chunk, v->string, v->len, e))
		return -1;
	if (chunk->len > LIMIT_LOG_CHUNK)
		return err_set(e, ERR_LIMIT, "larger than %zu bytes", LIMIT_LOG_CHUNK);
	if (!chunk->len)
		return err_set(e, ERR_INPUT, "is empty, expected 1 to %zu bytes", LIMIT_LOG_CHUNK);
	return 0;
}

static const struct json_field log_fields[] = {
	{ "seq", JSON_TO_INT, offsetof(struct log_body, seq), JSON_REQUIRED, 0, INT32_MAX },
	{ "step_id", JSON_TO_INT, offsetof(struct log_body, step_id), 0, 1, INT64_MAX },
	{ "chunk", JSON_TO_CUSTOM, offsetof(struct log_body, chunk), JSON_REQUIRED,
		.fn = chunk_take },
};

int log_parse(struct slice text, struct log_body *ret, struct err *e)
{
	return body_decode(text, log_fields, ARRAY_LEN(log_fields), ret, e);
}

void log_release(struct log_body *b)
{
	buf_release_wipe(&b->chunk);
}

/* ---- artifacts ---- */

bool artifact_name_valid(const char *name)
{
	return label_valid(name) && !str_eq(name, ".") && !str_starts(name, "..");
}

static int artifact_name_take(const struct json_value *v, void *target, struct err *e)
{
	char **name = target;
	if (v->type != JSON_STRING || !artifact_name_valid(v->string))
		return err_set(e, ERR_INPUT,
			"expected 1 to %d of the characters A-Z a-z 0-9 . _ - and no two dots in "
			"front",
			LABEL_MAX);
	*name = xstrdup(v->string);
	return 0;
}

static const struct json_field artifact_upload_fields[] = {
	{ "name", JSON_TO_CUSTOM, offsetof(struct artifact_body, name), JSON_REQUIRED,
		.fn = artifact_name_take },
	{ "size_bytes", JSON_TO_INT, offsetof(struct artifact_body, size_bytes), JSON_REQUIRED, 0,
		INT64_MAX / 2 },
};

int artifact_upload_parse(struct slice text, struct artifact_body *ret, struct err *e)
{
	return body_decode(text, artifact_upload_fields, ARRAY_LEN(artifact_upload_fields), ret, e);
}

static const struct json_field artifact_list_fields[] = {
	{ "name", JSON_TO_CUSTOM, offsetof(struct artifact_body, name), JSON_NOT_NULL,
		.fn = artifact_name_take },
	{ "after", JSON_TO_INT, offsetof(struct artifact_body, after), 0, 0, INT64_MAX },
};

int artifact_list_parse(struct slice text, struct artifact_body *ret, struct err *e)
{
	return body_decode(text, artifact_list_fields, ARRAY_LEN(artifact_list_fields), ret, e);
}

void artifact_body_release(struct artifact_body *b)
{
	free(b->name);
	*b = (struct artifact_body){ 0 };
}

/* ---- evidence ---- */

/* Printable ASCII: it stands in lists and logs. */
static int evidence_text_take(const struct json_value *v, void *target, struct err *e)
{
	char **text = target;
	if (v->type != JSON_STRING || !v->len || v->len > EVIDENCE_KEY_MAX)
		return err_set(e, ERR_INPUT, "expected a text of 1 to %d bytes", EVIDENCE_KEY_MAX);
	for (size_t i = 0; i < v->len; i++)
		if (v->string[i] <= ' ' || v->string[i] > '~')
			return err_set(e, ERR_INPUT, "expected printable ASCII without blanks");
	*text = xstrdup(v->string);
	return 0;
}

static int evidence_status_take(const struct json_value *v, void *target, struct err *e)
{
	static const char *const known[] = { "planned", "action_started", "completed", "failed" };
	char **status = target;
	for (size_t i = 0; v->type == JSON_STRING && i < ARRAY_LEN(known); i++) {
		if (str_eq(v->string, known[i])) {
			*status = xstrdup(v->string);
			return 0;
		}
	}
	return err_set(e, ERR_INPUT, "expected planned, action_started, completed or failed");
}

static int documents_take(const struct json_value *v, void *target, struct err *e)
{
	char **documents = target;
	CLEAN_BUF struct buf out = BUF_INIT(2 * LIMIT_API_BODY);
	struct json_writer w;
	if (v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object");
	json_writer_init(&w, &out, false);
	json_copy(&w, v);
	if (json_writer_finish(&w, e))
		return err_set(e, ERR_INPUT, "is deeper than %d levels", JSON_WRITER_DEPTH);
	*documents = buf_take(&out);
	return 0;
}

static const struct json_field evidence_fields[] = {
	{ "key", JSON_TO_CUSTOM, offsetof(struct evidence_body, key), JSON_REQUIRED,
		.fn = evidence_text_take },
	{ "host", JSON_TO_CUSTOM, offsetof(struct evidence_body, host), JSON_REQUIRED,
		.fn = evidence_text_take },
	{ "action", JSON_TO_CUSTOM, offsetof(struct evidence_body, action), JSON_REQUIRED,
		.fn = evidence_text_take },
	{ "status", JSON_TO_CUSTOM, offsetof(struct evidence_body, status), JSON_REQUIRED,
		.fn = evidence_status_take },
	{ "documents", JSON_TO_CUSTOM, offsetof(struct evidence_body, documents), JSON_REQUIRED,
		.fn = documents_take },
};

int evidence_parse(struct slice text, struct evidence_body *ret, struct err *e)
{
	return body_decode(text, evidence_fields, ARRAY_LEN(evidence_fields), ret, e);
}

void evidence_release(struct evidence_body *b)
{
	char *owned[] = { b->key, b->host, b->action, b->status, b->documents };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	*b = (struct evidence_body){ 0 };
}

/* ---- outputs ---- */

static const struct json_field outputs_fields[] = {
	{ "outputs", JSON_TO_PAIRS, offsetof(struct outputs_body, outputs), JSON_REQUIRED, 0,
		LIMIT_ENV_COUNT },
};

int outputs_parse(struct slice text, struct outputs_body *ret, struct err *e)
{
	return body_decode(text, outputs_fields, ARRAY_LEN(outputs_fields), ret, e);
}

void outputs_release(struct outputs_body *b)
{
	pairs_release(&b->outputs);
}

int empty_parse(struct slice text, struct err *e)
{
	char none;
	return body_decode(text, NULL, 0, &none, e);
}
