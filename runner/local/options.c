/*
 * What the flags of `exec` say, checked before anything runs: names of variables, secret files,
 * the event and its inputs. A value is never echoed in an error, because it may be a secret.
 */
#include "runner/local/options.h"

#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"

static bool is_variable(const char *s, size_t n)
{
	static const char start[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";

	for (size_t i = 0; i < n; i++)
		if (!s[i] || (!strchr(start, s[i]) &&
				     (i == 0 || !((s[i] >= '0' && s[i] <= '9') || s[i] == '-'))))
			return false;
	return n > 0;
}

int local_pairs_read(struct pairs *ret, const char *flag, const struct strv *texts,
	bool from_environment, struct err *e)
{
	strv_each (text, texts) {
		size_t n = strcspn(text, "=");
		CLEAN_STR char *name = xstrndup(text, n);
		const char *value = text[n] ? text + n + 1 : NULL;

		if (!is_variable(text, n) || (!value && !from_environment))
			return err_set(e, ERR_INPUT, "%s \"%.100s\": expected NAME=VALUE%s", flag,
				name, from_environment ? " or NAME" : "");
		if (!value)
			value = getenv(name);
		if (!value)
			return err_set(e, ERR_INPUT,
				"%s %s: no environment variable of that name, expected NAME=VALUE",
				flag, name);
		if (!utf8_valid(value, strlen(value)))
			return err_set(e, ERR_INPUT, "%s %s: expected UTF-8", flag, name);
		pairs_set(ret, name, value);
	}
	return 0;
}

/* ---- secret files ---- */

/* The inside of "…": -1 when it does not end with its quote. */
static int unquote(struct buf *out, const char *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (p[i] == '"')
			return i == n - 1 ? 0 : -1;
		if (p[i] == '\\' && i + 1 < n && strchr("n\"\\", p[i + 1])) {
			buf_addc(out, p[++i] == 'n' ? '\n' : p[i]);
			continue;
		}
		buf_addc(out, p[i]);
	}
	return -1;
}

static struct slice trimmed(const char *p, size_t n)
{
	while (n && strchr(" \t\r", *p))
		p++, n--;
	while (n && strchr(" \t\r", p[n - 1]))
		n--;
	return (struct slice){ p, n };
}

static int read_value(struct buf *out, struct slice v)
{
	if (v.len && *v.ptr == '"')
		return unquote(out, v.ptr, v.len);
	if (v.len && *v.ptr == '\'') {
		if (v.len < 2 || v.ptr[v.len - 1] != '\'')
			return -1;
		v = (struct slice){ v.ptr + 1, v.len - 2 };
	}
	return buf_add(out, v.ptr, v.len);
}

static int read_secret(struct pairs *ret, struct slice line, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf value = BUF_INIT_SECRET(LIMIT_MASK_VALUE);
	const char *eq = memchr(line.ptr, '=', line.len);
	struct slice name = trimmed(line.ptr, eq ? (size_t)(eq - line.ptr) : 0);
	CLEAN_STR char *key = xstrndup(name.ptr, name.len);

	if (!eq || !is_variable(name.ptr, name.len))
		return err_set(e, ERR_INPUT, "expected NAME=VALUE");
	bool whole =
		read_value(&value, trimmed(eq + 1, line.len - (size_t)(eq + 1 - line.ptr))) == 0;
	if (!buf_ok(&value))
		return err_set(e, ERR_LIMIT, "%s: longer than %zu bytes", key, value.max);
	if (!whole)
		return err_set(e, ERR_INPUT, "%s: expected the quote to end with the line", key);
	if (memchr(buf_cstr(&value), 0, value.len) || !utf8_valid(buf_cstr(&value), value.len))
		return err_set(e, ERR_INPUT, "%s: expected UTF-8 without NUL", key);
	pairs_set_n(ret, key, buf_cstr(&value), value.len);
	return ret->n > LIMIT_SECRETS ? err_set(e, ERR_LIMIT, "more than %d secrets", LIMIT_SECRETS)
				      : 0;
}

int local_secrets_parse(struct pairs *ret, const char *text, size_t n, struct err *e)
{
	struct slice all = utf8_without_mark((struct slice){ n ? text : "", n });
	size_t number = 0;

	for (size_t at = 0; at < all.len;) {
		const char *end = memchr(all.ptr + at, '\n', all.len - at);
		size_t len = end ? (size_t)(end - all.ptr) - at : all.len - at;
		struct slice line = trimmed(all.ptr + at, len);

		number++;
		at += len + 1;
		if (line.len == 0 || *line.ptr == '#')
			continue;
		if (read_secret(ret, line, e) < 0)
			return err_wrap(e, "line %zu", number);
	}
	return 0;
}

int local_secrets_read(struct pairs *ret, const char *path, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(MIB(4));

	if (file_read(path, &text, e) < 0)
		return err_wrap(e, "--secret-file");
	if (local_secrets_parse(ret, buf_cstr(&text), text.len, e) < 0)
		return err_wrap(e, "--secret-file %s", path);
	return 0;
}

/* ---- events ---- */

int local_event_choose(
	const struct workflow *w, const char *wanted, const char **ret, struct err *e)
{
	const struct {
		const char *name;
		bool given;
	} events[] = {
		{ "push", w->on.push.given },
		{ "pull_request", w->on.pull_request.given },
		{ "workflow_dispatch", w->on.dispatch.given },
		{ "schedule", w->on.n_crons > 0 },
	};
	CLEAN_BUF struct buf given = BUF_INIT(200);

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		if (!events[i].given)
			continue;
		if (!wanted || str_eq(wanted, events[i].name)) {
			*ret = events[i].name;
			return 0;
		}
		buf_addf(&given, " %s", events[i].name);
	}
	return err_set(e, ERR_INPUT,
		"--event %.100s: does not start this workflow, expected one of:%s",
		wanted ? wanted : "", buf_cstr(&given));
}

static char *scalar_text(const struct json_value *v)
{
	if (v->type == JSON_STRING)
		return xstrdup(v->string);
	if (v->type == JSON_BOOL)
		return xstrdup(v->boolean ? "true" : "false");
	return v->type == JSON_NUMBER ? xstrdup(v->raw) : NULL;
}

static int check_inputs(const struct workflow *w, const struct pairs *given, struct err *e)
{
	for (size_t i = 0; i < given->n; i++) {
		const struct workflow_input *in = workflow_input_find(w, given->v[i].key);

		if (!in)
			return err_set(e, ERR_INPUT,
				"--input %.100s: unknown, expected one that the workflow names",
				given->v[i].key);
		if (workflow_input_check(in, given->v[i].value, e) < 0)
			return err_wrap(e, "--input %s", in->name);
	}
	return 0;
}

static int complete(const struct workflow_input *in, struct pairs *all, struct err *e)
{
	const char *value = workflow_input_value(in, pairs_get(all, in->name));

	if (!value)
		return err_set(e, ERR_INPUT, "input %s is required, expected --input %s=VALUE",
			in->name, in->name);
	if (!pairs_get(all, in->name))
		pairs_set(all, in->name, value);
	return 0;
}

int local_inputs_complete(const struct workflow *w, const struct pairs *given,
	const struct json_value *given_json, struct pairs *ret, struct err *e)
{
	for (size_t i = 0; given_json && given_json->type == JSON_OBJECT && i < given_json->count;
		i++) {
		CLEAN_STR char *text = scalar_text(given_json->items[i]);

		if (text)
			pairs_set(ret, given_json->items[i]->key, text);
	}
	for (size_t i = 0; i < given->n; i++)
		pairs_set(ret, given->v[i].key, given->v[i].value);
	if (check_inputs(w, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < w->on.dispatch.n_inputs; i++)
		if (complete(&w->on.dispatch.inputs[i], ret, e) < 0)
			return -1;
	return 0;
}

struct json_doc *local_payload_read(const char *path, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4));
	struct json_limits lim = { .bytes = MIB(4) };
	CLEAN_JSON struct json_doc *doc = NULL;

	if (file_read(path, &text, e) < 0) {
		err_wrap(e, "--event-payload");
		return NULL;
	}
	struct slice json = utf8_without_mark(buf_slice(&text));
	doc = json_parse(json.ptr, json.len, &lim, e);
	if (!doc) {
		err_wrap(e, "--event-payload %s", path);
		return NULL;
	}
	if (json_root(doc)->type != JSON_OBJECT) {
		err_set(e, ERR_INPUT, "--event-payload %s: %s found, expected an object", path,
			json_type_name(json_root(doc)->type));
		return NULL;
	}
	return TAKE(doc);
}
