/*
 * Request bodies by tables. They are strict: an unknown key is refused, as a misspelt one would
 * otherwise be lost without a word. What this program has beyond the protocol therefore comes in
 * headers and in calls of its own, never as a further key.
 */
#include "coordinator/api/body.h"

#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/state.h"

enum { CAPACITY_MAX = 64, HOST_TEXT_MAX = 4096, DISPATCH_INPUTS_MAX = 100 };

int body_decode(
	struct slice text, const struct json_field *fields, size_t n, void *out, struct err *e)
{
	/* the route refused what is larger than its own limit */
	struct json_limits lim = { .bytes = LIMIT_JOB_OUTPUTS_BODY };
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

static int decode_labels(const struct json_value *v, void *target, struct err *e)
{
	struct heartbeat_body *b = target;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY || v->count > LIMIT_LABELS)
		return err_set(e, ERR_INPUT, "expected a list of at most %d labels", LIMIT_LABELS);
	json_array_each (item, v) {
		if (item->type != JSON_STRING || !label_valid(item->string))
			return err_set(e, ERR_INPUT, "expected labels of " LABEL_RULE);
		if (!strv_contains(&b->labels, item->string))
			strv_add(&b->labels, item->string);
	}
	b->labels_given = true;
	return 0;
}

/* null says nothing: only a list says that the runner has no other job. */
static int decode_active(const struct json_value *v, void *target, struct err *e)
{
	struct heartbeat_body *b = target;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY || v->count > LIMIT_ACTIVE_JOBS)
		return err_set(
			e, ERR_INPUT, "expected a list of at most %d job ids", LIMIT_ACTIVE_JOBS);
	json_array_each (item, v) {
		if (item->type != JSON_NUMBER || !item->is_integer || item->integer < 1)
			return err_set(e, ERR_INPUT, "expected job ids, whole numbers above 0");
		ids_add(&b->active_jobs, item->integer);
	}
	b->active_given = true;
	return 0;
}

static const struct json_field heartbeat_fields[] = {
	{ "labels", JSON_TO_CUSTOM, 0, .fn = decode_labels },
	{ "capacity", JSON_TO_INT, offsetof(struct heartbeat_body, capacity), 0, 1, CAPACITY_MAX },
	{ "host_name", JSON_TO_STRING, offsetof(struct heartbeat_body, host_name), 0, 0,
		HOST_TEXT_MAX },
	{ "version", JSON_TO_STRING, offsetof(struct heartbeat_body, version), 0, 0,
		HOST_TEXT_MAX },
	{ "active_job_ids", JSON_TO_CUSTOM, 0, .fn = decode_active },
};

static void metadata_cut(char *text)
{
	if (text)
		text[utf8_cut(text, LIMIT_METADATA)] = 0;
}

int heartbeat_parse(struct slice text, struct heartbeat_body *ret, struct err *e)
{
	if (body_decode(text, heartbeat_fields, ARRAY_LEN(heartbeat_fields), ret, e) < 0)
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
	ids_release(&b->active_jobs);
	*b = (struct heartbeat_body){ 0 };
}

/* ---- trouble ---- */

enum { TROUBLE_KIND_MAX = 32, TROUBLE_SECONDS_MAX = 366 * 24 * 3600 };

/* Newer runners may have words that we do not know. */
static int decode_kind(const struct json_value *v, void *target, struct err *e)
{
	size_t n = v->type == JSON_STRING ? strspn(v->string, "abcdefghijklmnopqrstuvwxyz_") : 0;

	if (n == 0 || n > TROUBLE_KIND_MAX || v->string[n])
		return err_set(e, ERR_INPUT, "expected a word of 1 to %d letters a-z and _",
			TROUBLE_KIND_MAX);
	*(char **)target = xstrdup(v->string);
	return 0;
}

static const struct json_field trouble_fields[] = {
	{ "kind", JSON_TO_CUSTOM, offsetof(struct trouble_body, kind), JSON_REQUIRED,
		.fn = decode_kind },
	{ "text", JSON_TO_STRING, offsetof(struct trouble_body, text), JSON_REQUIRED, 0,
		HOST_TEXT_MAX },
	{ "seconds", JSON_TO_INT, offsetof(struct trouble_body, seconds), JSON_REQUIRED, 0,
		INT64_MAX },
};

int trouble_parse(struct slice text, struct trouble_body *ret, struct err *e)
{
	if (body_decode(text, trouble_fields, ARRAY_LEN(trouble_fields), ret, e) < 0)
		return -1;
	ret->text[utf8_cut(ret->text, LIMIT_TROUBLE)] = 0;
	if (ret->seconds > TROUBLE_SECONDS_MAX) /* of a runner whose clock was wrong */
		ret->seconds = TROUBLE_SECONDS_MAX;
	return 0;
}

void trouble_release(struct trouble_body *b)
{
	free(b->kind);
	free(b->text);
	*b = (struct trouble_body){ 0 };
}

/* ---- admin verbs ---- */

static const struct json_field admin_fields[] = {
	{ "argv", JSON_TO_STRV, offsetof(struct admin_body, argv), JSON_REQUIRED,
		.max = ADMIN_WORDS_MAX },
	{ "stdin", JSON_TO_STRING, offsetof(struct admin_body, input), 0, 0,
		(int64_t)LIMIT_API_BODY },
};

int admin_body_parse(struct slice text, struct admin_body *ret, struct err *e)
{
	if (body_decode(text, admin_fields, ARRAY_LEN(admin_fields), ret, e) < 0)
		return -1;
	if (!ret->argv.n)
		return err_set(e, ERR_INPUT,
			"field \"argv\": is empty, expected the words after `admin`, such as "
			"[\"repo\", \"list\"]");
	for (size_t i = 0; i < ret->argv.n; i++)
		if (strlen(ret->argv.v[i]) > ADMIN_WORD_MAX)
			return err_set(e, ERR_LIMIT,
				"field \"argv\": word %zu is larger than %d bytes", i,
				ADMIN_WORD_MAX);
	return 0;
}

void admin_body_release(struct admin_body *b)
{
	strv_release(&b->argv);
	wipe_charp(&b->input);
	*b = (struct admin_body){ 0 };
}

/* ---- status reports ---- */

static int decode_status(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected a text");
	return status_parse(v->string, target, e);
}

static int decode_conclusion(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING && v->type != JSON_NULL)
		return err_set(e, ERR_INPUT, "expected a text");
	return conclusion_parse(v->type == JSON_NULL ? NULL : v->string, target, e);
}

static int decode_time(const struct json_value *v, void *target, struct err *e)
{
	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected an RFC 3339 time");
	return wall_parse(v->string, target, e);
}

static const struct json_field report_fields[] = {
	{ "status", JSON_TO_CUSTOM, offsetof(struct state_report, state.status), JSON_REQUIRED,
		.fn = decode_status },
	{ "conclusion", JSON_TO_CUSTOM, offsetof(struct state_report, state.conclusion),
		.fn = decode_conclusion },
	{ "started_at", JSON_TO_CUSTOM, offsetof(struct state_report, started_at),
		.fn = decode_time },
	{ "completed_at", JSON_TO_CUSTOM, offsetof(struct state_report, completed_at),
		.fn = decode_time },
};

int report_parse(struct slice text, struct state_report *ret, struct err *e)
{
	return body_decode(text, report_fields, ARRAY_LEN(report_fields), ret, e);
}

/* ---- log chunks ---- */

static int decode_chunk(const struct json_value *v, void *target, struct err *e)
{
	struct buf *chunk = target;

	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected base64 text");
	if (v->len / 4 * 3 > LIMIT_LOG_CHUNK + 2)
		return err_set(e, ERR_LIMIT, "larger than %zu bytes", LIMIT_LOG_CHUNK);
	buf_init(chunk, LIMIT_LOG_CHUNK + 2);
	if (base64_decode(chunk, v->string, v->len, e) < 0)
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
		.fn = decode_chunk },
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
	return label_valid(name) && !strchr(name, ' ') && !str_eq(name, ".") &&
	       !str_starts(name, "..");
}

static int decode_artifact_name(const struct json_value *v, void *target, struct err *e)
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
		.fn = decode_artifact_name },
	{ "size_bytes", JSON_TO_INT, offsetof(struct artifact_body, size_bytes), JSON_REQUIRED, 0,
		INT64_MAX / 2 },
};

int artifact_upload_parse(struct slice text, struct artifact_body *ret, struct err *e)
{
	return body_decode(text, artifact_upload_fields, ARRAY_LEN(artifact_upload_fields), ret, e);
}

static const struct json_field artifact_list_fields[] = {
	{ "name", JSON_TO_CUSTOM, offsetof(struct artifact_body, name), JSON_NOT_NULL,
		.fn = decode_artifact_name },
	{ "after", JSON_TO_INT, offsetof(struct artifact_body, after), 0, 0, INT64_MAX },
};

int artifact_list_parse(struct slice text, struct artifact_body *ret, struct err *e)
{
	return body_decode(text, artifact_list_fields, ARRAY_LEN(artifact_list_fields), ret, e);
}

bool artifact_digest_valid(const char *digest)
{
	const char *hex = digest + strlen("sha256:");

	return str_starts(digest, "sha256:") && strlen(hex) == SHA256_HEX_MAX - 1 &&
	       strspn(hex, "0123456789abcdef") == SHA256_HEX_MAX - 1;
}

static int decode_digest(const struct json_value *v, void *target, struct err *e)
{
	char **digest = target;

	if (v->type != JSON_STRING || !artifact_digest_valid(v->string))
		return err_set(e, ERR_INPUT, "expected sha256: and 64 lower-case hex digits");
	*digest = xstrdup(v->string);
	return 0;
}

static const struct json_field artifact_complete_fields[] = {
	{ "artifact_id", JSON_TO_INT, offsetof(struct artifact_body, id), JSON_REQUIRED, 1,
		INT64_MAX },
	{ "digest", JSON_TO_CUSTOM, offsetof(struct artifact_body, digest), JSON_REQUIRED,
		.fn = decode_digest },
};

int artifact_complete_parse(struct slice text, struct artifact_body *ret, struct err *e)
{
	return body_decode(
		text, artifact_complete_fields, ARRAY_LEN(artifact_complete_fields), ret, e);
}

void artifact_body_release(struct artifact_body *b)
{
	free(b->name);
	free(b->digest);
	*b = (struct artifact_body){ 0 };
}

/* ---- evidence ---- */

/* Printable ASCII: it stands in lists and logs. */
static int decode_evidence_text(const struct json_value *v, void *target, struct err *e)
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

static int decode_evidence_status(const struct json_value *v, void *target, struct err *e)
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

static int decode_documents(const struct json_value *v, void *target, struct err *e)
{
	char **documents = target;
	CLEAN_BUF struct buf out = BUF_INIT(2 * LIMIT_API_BODY);
	struct json_writer w;

	if (v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object");
	json_writer_init(&w, &out, false);
	json_copy(&w, v);
	if (json_writer_finish(&w, e) < 0)
		return err_set(e, ERR_INPUT, "is deeper than %d levels", JSON_WRITER_DEPTH);
	*documents = buf_take(&out);
	return 0;
}

static const struct json_field evidence_fields[] = {
	{ "key", JSON_TO_CUSTOM, offsetof(struct evidence_body, key), JSON_REQUIRED,
		.fn = decode_evidence_text },
	{ "host", JSON_TO_CUSTOM, offsetof(struct evidence_body, host), JSON_REQUIRED,
		.fn = decode_evidence_text },
	{ "action", JSON_TO_CUSTOM, offsetof(struct evidence_body, action), JSON_REQUIRED,
		.fn = decode_evidence_text },
	{ "status", JSON_TO_CUSTOM, offsetof(struct evidence_body, status), JSON_REQUIRED,
		.fn = decode_evidence_status },
	{ "documents", JSON_TO_CUSTOM, offsetof(struct evidence_body, documents), JSON_REQUIRED,
		.fn = decode_documents },
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
	size_t bytes = 0;

	if (body_decode(text, outputs_fields, ARRAY_LEN(outputs_fields), ret, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->outputs.n; i++)
		bytes += strlen(ret->outputs.v[i].key) + strlen(ret->outputs.v[i].value);
	if (bytes > LIMIT_JOB_OUTPUTS)
		return err_set(e, ERR_INPUT, "%zu bytes of outputs, a job may have %zu", bytes,
			LIMIT_JOB_OUTPUTS);
	return 0;
}

void outputs_release(struct outputs_body *b)
{
	pairs_release(&b->outputs);
}

/* ---- reviews ---- */

static int decode_review_state(const struct json_value *v, void *target, struct err *e)
{
	char **state = target;

	if (v->type != JSON_STRING ||
		(!str_eq(v->string, "approved") && !str_eq(v->string, "rejected")))
		return err_set(e, ERR_INPUT, "expected approved or rejected");
	*state = xstrdup(v->string);
	return 0;
}

static const struct json_field review_fields[] = {
	{ "environment", JSON_TO_STRING, offsetof(struct review_body, environment), JSON_REQUIRED,
		1, 255 },
	{ "state", JSON_TO_CUSTOM, offsetof(struct review_body, state), JSON_REQUIRED,
		.fn = decode_review_state },
	{ "comment", JSON_TO_STRING, offsetof(struct review_body, comment), 0, 0, 1000 },
};

int review_parse(struct slice text, struct review_body *ret, struct err *e)
{
	return body_decode(text, review_fields, ARRAY_LEN(review_fields), ret, e);
}

void review_release(struct review_body *b)
{
	free(b->environment);
	free(b->state);
	free(b->comment);
	*b = (struct review_body){ 0 };
}

/* ---- dispatch ---- */

static const struct json_field dispatch_fields[] = {
	{ "ref", JSON_TO_STRING, offsetof(struct dispatch_body, ref), 0, 1, LIMIT_NAME },
	{ "inputs", JSON_TO_PAIRS, offsetof(struct dispatch_body, inputs), 0, 0,
		DISPATCH_INPUTS_MAX },
};

int dispatch_parse(struct slice text, struct dispatch_body *ret, struct err *e)
{
	return body_decode(text, dispatch_fields, ARRAY_LEN(dispatch_fields), ret, e);
}

void dispatch_release(struct dispatch_body *b)
{
	free(b->ref);
	pairs_release(&b->inputs);
}

int empty_parse(struct slice text, struct err *e)
{
	char none;

	return body_decode(text, NULL, 0, &none, e);
}
