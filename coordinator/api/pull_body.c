/*
 * The forms are narrower than what hosts allow where a value stands in names and lists: a login
 * holds nothing that a terminal, a shell or a path would read.
 */
#include "coordinator/api/pull_body.h"

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/api/body.h"
#include "coordinator/queue/approve.h"
#include "workflow/workflow.h"

#define BODY(member) offsetof(struct pull_body, member)

static int decode_action(const struct json_value *v, void *target, struct err *e)
{
	char **out = target;

	if (v->type != JSON_STRING || !workflow_pull_action(v->string))
		return err_set(e, ERR_INPUT, "expected one of:%s", WORKFLOW_PULL_ACTIONS);
	*out = xstrdup(v->string);
	return 0;
}

static int decode_sha(const struct json_value *v, void *target, struct err *e)
{
	char **out = target;

	if (v->type != JSON_STRING || !is_hex_oid(v->string))
		return err_set(e, ERR_INPUT, "expected 40 lower-case hexadecimal digits");
	*out = xstrdup(v->string);
	return 0;
}

static int decode_optional_sha(const struct json_value *v, void *target, struct err *e)
{
	return v->type == JSON_NULL ? 0 : decode_sha(v, target, e);
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static bool is_login(const char *text, size_t n)
{
	return n >= 1 && n <= PULL_LOGIN_MAX && strspn(text, LETTERS "-_.[]") >= n &&
	       memchr(LETTERS, text[0], sizeof(LETTERS) - 1);
}

static int decode_login(const struct json_value *v, void *target, struct err *e)
{
	char **out = target;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_STRING || !is_login(v->string, v->len))
		return err_set(e, ERR_INPUT,
			"expected 1 to %d of A-Z a-z 0-9 - _ . [ ], beginning with a letter or "
			"digit",
			PULL_LOGIN_MAX);
	*out = xstrdup(v->string);
	return 0;
}

static int decode_repo(const struct json_value *v, void *target, struct err *e)
{
	const char *slash = v->type == JSON_STRING ? strchr(v->string, '/') : NULL;
	char **out = target;

	if (v->type == JSON_NULL)
		return 0;
	if (!slash || !is_login(v->string, (size_t)(slash - v->string)) ||
		!is_login(slash + 1, strlen(slash + 1)))
		return err_set(e, ERR_INPUT, "expected OWNER/NAME");
	*out = xstrdup(v->string);
	return 0;
}

static int decode_association(const struct json_value *v, void *target, struct err *e)
{
	static const char *const known[] = { "OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR",
		"FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN", "NONE" };
	char **out = target;

	if (v->type == JSON_NULL)
		return 0;
	for (size_t i = 0; v->type == JSON_STRING && i < ARRAY_LEN(known); i++)
		if (str_eq(v->string, known[i])) {
			*out = xstrdup(known[i]);
			return 0;
		}
	return err_set(e, ERR_INPUT,
		"expected OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, FIRST_TIMER, "
		"FIRST_TIME_CONTRIBUTOR, MANNEQUIN or NONE");
}

static int decode_labels(const struct json_value *v, void *target, struct err *e)
{
	struct strv *out = target;

	if (v->type == JSON_NULL)
		return 0;
	if (v->type != JSON_ARRAY || v->count > PULL_LABELS_MAX)
		return err_set(
			e, ERR_INPUT, "expected a list of at most %d labels", PULL_LABELS_MAX);
	json_array_each (item, v) {
		if (item->type != JSON_STRING || !item->len || item->len > PULL_LABEL_MAX)
			return err_set(
				e, ERR_INPUT, "expected texts of 1 to %d bytes", PULL_LABEL_MAX);
		strv_add(out, item->string);
	}
	return 0;
}

/* ---- head and base ---- */

#define HEAD(member) (BODY(head.member) - BODY(head))
#define BASE(member) (BODY(base.member) - BODY(base))

static int decode_side(const struct json_value *v, const struct json_field *fields, size_t n,
	void *target, struct err *e)
{
	if (v->type != JSON_OBJECT)
		return err_set(e, ERR_INPUT, "expected an object");
	return json_decode(v, fields, n, target, JSON_STRICT, e);
}

static int decode_head(const struct json_value *v, void *target, struct err *e)
{
	static const struct json_field fields[] = {
		{ "sha", JSON_TO_CUSTOM, HEAD(sha), JSON_REQUIRED, .fn = decode_sha },
		{ "ref", JSON_TO_STRING, HEAD(ref), JSON_REQUIRED, 1, PULL_REF_MAX },
		{ "repo", JSON_TO_CUSTOM, HEAD(repo), .fn = decode_repo },
	};

	return decode_side(v, fields, ARRAY_LEN(fields), target, e);
}

static int decode_base(const struct json_value *v, void *target, struct err *e)
{
	static const struct json_field fields[] = {
		{ "ref", JSON_TO_STRING, BASE(ref), JSON_REQUIRED, 1, PULL_REF_MAX },
		{ "sha", JSON_TO_CUSTOM, BASE(sha), .fn = decode_optional_sha },
	};

	return decode_side(v, fields, ARRAY_LEN(fields), target, e);
}

/* ---- the bodies ---- */

static const struct json_field pull_fields[] = {
	{ "action", JSON_TO_CUSTOM, BODY(action), JSON_REQUIRED, .fn = decode_action },
	{ "number", JSON_TO_INT, BODY(number), 0, 1, INT32_MAX },
	{ "title", JSON_TO_STRING, BODY(title), JSON_REQUIRED, 0, PULL_TITLE_MAX },
	{ "body", JSON_TO_STRING, BODY(text), 0, 0, PULL_TEXT_MAX },
	{ "author", JSON_TO_CUSTOM, BODY(author), JSON_REQUIRED, .fn = decode_login },
	{ "author_association", JSON_TO_CUSTOM, BODY(association), .fn = decode_association },
	{ "sender", JSON_TO_CUSTOM, BODY(sender), .fn = decode_login },
	{ "head", JSON_TO_CUSTOM, BODY(head), JSON_REQUIRED, .fn = decode_head },
	{ "base", JSON_TO_CUSTOM, BODY(base), JSON_REQUIRED, .fn = decode_base },
	{ "merge_commit_sha", JSON_TO_CUSTOM, BODY(merge_sha), .fn = decode_optional_sha },
	{ "draft", JSON_TO_BOOL, BODY(draft) },
	{ "merged", JSON_TO_BOOL, BODY(merged) },
	{ "labels", JSON_TO_CUSTOM, BODY(labels), .fn = decode_labels },
	{ "label", JSON_TO_STRING, BODY(label), 0, 1, PULL_LABEL_MAX },
};

int pull_body_parse(struct slice text, struct pull_body *ret, struct err *e)
{
	return body_decode(text, pull_fields, ARRAY_LEN(pull_fields), ret, e);
}

void pull_body_release(struct pull_body *b)
{
	char *owned[] = { b->action, b->title, b->text, b->author, b->association, b->sender,
		b->label, b->merge_sha, b->head.sha, b->head.ref, b->head.repo, b->base.ref,
		b->base.sha };

	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&b->labels);
	*b = (struct pull_body){ 0 };
}

static const struct json_field approve_fields[] = {
	{ "reason", JSON_TO_STRING, offsetof(struct approve_body, reason), 0, 0,
		APPROVE_REASON_MAX },
	{ "secrets", JSON_TO_BOOL, offsetof(struct approve_body, secrets) },
};

int approve_parse(struct slice text, struct approve_body *ret, struct err *e)
{
	return text.len ? body_decode(text, approve_fields, ARRAY_LEN(approve_fields), ret, e) : 0;
}

void approve_release(struct approve_body *b)
{
	free(b->reason);
	*b = (struct approve_body){ 0 };
}
