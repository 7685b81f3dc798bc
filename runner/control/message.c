/*
 * Requests come from the runner's own user or root, but they are parsed strictly all the same: an
 * unknown key is an error, so that a newer client notices an older runner instead of being half
 * understood.
 */
#include "runner/control/message.h"

#include "base/json.h"

static const char *const verbs[CONTROL_VERBS] = { "status", "drain", "undrain" };

struct raw {
	char *verb;
	bool cancel, wait;
};

static int set_verb(const struct raw *raw, struct control_request *ret, struct err *e)
{
	for (size_t i = 0; i < CONTROL_VERBS; i++) {
		if (!str_eq(raw->verb, verbs[i]))
			continue;
		if (i != CONTROL_DRAIN && (raw->cancel || raw->wait))
			return err_set(e, ERR_INPUT, "cancel and wait belong to the verb drain");
		*ret = (struct control_request){ (enum control_verb)i, raw->cancel, raw->wait };
		return 0;
	}
	return err_set(e, ERR_INPUT, "verb \"%s\": expected status, drain or undrain", raw->verb);
}

int control_parse(const char *line, size_t n, struct control_request *ret, struct err *e)
{
	static const struct json_field fields[] = {
		{ "verb", JSON_TO_STRING, offsetof(struct raw, verb), JSON_REQUIRED, .max = 32 },
		{ "cancel", JSON_TO_BOOL, offsetof(struct raw, cancel), JSON_NOT_NULL },
		{ "wait", JSON_TO_BOOL, offsetof(struct raw, wait), JSON_NOT_NULL },
	};
	const struct json_limits limits = { .bytes = CONTROL_REQUEST_MAX, .depth = 4, .nodes = 16 };
	CLEAN_JSON struct json_doc *doc = json_parse(line, n, &limits, e);
	struct raw raw = { 0 };
	int rc;

	if (!doc)
		return err_wrap(e, "request");
	rc = json_decode(json_root(doc), fields, ARRAY_LEN(fields), &raw, JSON_STRICT, e);
	if (rc == 0)
		rc = set_verb(&raw, ret, e);
	free(raw.verb);
	return rc < 0 ? err_wrap(e, "request") : 0;
}

void control_format(const struct control_request *r, struct buf *out)
{
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "verb", verbs[r->verb]);
	if (r->verb == CONTROL_DRAIN) {
		json_kv_bool(&w, "cancel", r->cancel);
		json_kv_bool(&w, "wait", r->wait);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0 || buf_addc(out, '\n') < 0)
		BUG("control request: %s", e.text);
}
