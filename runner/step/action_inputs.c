/*
 * One table an action, so that an unknown input, a wrong type and an unsupported wish are found in
 * the same way everywhere. An input that would change what happens, but that we do not support, is
 * an error: a workflow that ran with it ignored would do something else than its author wrote.
 */
#include "runner/step/action_inputs.h"

#include <inttypes.h>
#include <strings.h>

#include "base/buf.h"

static const char blanks[] = " \t\r\n";

int yaml_boolean(const char *text)
{
	static const struct {
		const char *text;
		int value;
	} words[] = {
		{ "true", 1 },
		{ "false", 0 },
		{ "yes", 1 },
		{ "no", 0 },
		{ "on", 1 },
		{ "off", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(text, words[i].text) == 0)
			return words[i].value;
	return -1;
}

static char *trimmed(const char *text)
{
	size_t n;

	text += strspn(text, blanks);
	for (n = strlen(text); n && strchr(blanks, text[n - 1]); n--)
		continue;
	return xmemdup0(text, n);
}

static const struct action_input *find(const struct action_input *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

static int unknown(const char *action, const struct action_input *table, size_t n, const char *name,
	struct err *e)
{
	CLEAN_BUF struct buf known = BUF_INIT(1000);

	for (size_t i = 0; i < n; i++)
		if (table[i].kind != INPUT_NOT_HERE)
			buf_addf(&known, "%s%s", known.len ? ", " : "", table[i].name);
	return err_set(e, ERR_INPUT, "%s: input \"%.100s\" is not supported, expected one of %s",
		action, name, buf_cstr(&known));
}

static int read_bool(const char *action, const struct action_input *in, const char *text, void *out,
	struct err *e)
{
	int value = yaml_boolean(text);

	if (value < 0)
		return err_set(e, ERR_INPUT,
			"%s: %s: \"%.100s\" is not a boolean, expected true or "
			"false",
			action, in->name, text);
	if (in->kind == INPUT_FALSE_ONLY && value)
		return err_set(e, ERR_INPUT, "%s: %s: true is not supported: %s", action, in->name,
			in->why);
	if (in->kind == INPUT_BOOL)
		*(bool *)((char *)out + in->offset) = value;
	return 0;
}

static int read_one(const char *action, const struct action_input *in, const char *text, void *out,
	struct err *e)
{
	char *at = (char *)out + in->offset;

	switch (in->kind) {
	case INPUT_TEXT:
		free(*(char **)at);
		*(char **)at = xstrdup(text);
		return 0;
	case INPUT_NUMBER:
		if (parse_i64(text, in->min, in->max, (int64_t *)at))
			return 0;
		return err_set(e, ERR_INPUT,
			"%s: %s: \"%.100s\", expected a whole number from %" PRId64 " to %" PRId64,
			action, in->name, text, in->min, in->max);
	case INPUT_IDLE:
		return 0;
	case INPUT_NOT_HERE:
		return err_set(
			e, ERR_INPUT, "%s: %s is not supported: %s", action, in->name, in->why);
	case INPUT_BOOL:
	case INPUT_IDLE_BOOL:
	case INPUT_FALSE_ONLY:
		return read_bool(action, in, text, out, e);
	}
	BUG("input kind %d", in->kind);
}

void action_inputs_drop_own(struct pairs *with, const struct pairs *own)
{
	for (size_t i = 0; i < with->n; i++)
		for (size_t k = 0; k < own->n; k++)
			if (strcasecmp(with->v[i].key, own->v[k].key) == 0 &&
				str_eq(with->v[i].value, own->v[k].value))
				pairs_set(with, with->v[i].key, "");
}

int action_inputs_read(const char *action, const struct action_input *table, size_t n,
	const struct pairs *with, void *out, struct err *e)
{
	for (size_t i = 0; i < with->n; i++) {
		const struct action_input *in = find(table, n, with->v[i].key);
		CLEAN_STR char *text = trimmed(with->v[i].value);

		if (!in)
			return unknown(action, table, n, with->v[i].key, e);
		if (*text && read_one(action, in, text, out, e) < 0)
			return -1;
	}
	return 0;
}
