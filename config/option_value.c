/*
 * One option value: a text that is checked against the table's type and range, then stored. All
 * four sources of a configuration meet here as text, so a value means the same wherever it comes
 * from.
 */
#include <inttypes.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "config/options.h"

static char *choices_text(const struct option *opt)
{
	struct buf b = BUF_INIT(LIMIT_NAME);

	buf_adds(&b, "one of");
	for (size_t i = 0; opt->choices[i]; i++)
		buf_addf(&b, "%s %s", i ? "," : "", opt->choices[i]);
	return buf_take(&b);
}

static char *size_text(uint64_t n)
{
	static const char units[] = "kmgt";
	size_t unit = 0;
	char suffix[2] = "";

	for (; n && n % 1024 == 0 && unit < 4; unit++) {
		n /= 1024;
		suffix[0] = units[unit];
	}
	return xasprintf("%" PRIu64 "%s", n, suffix);
}

static char *size_expectation(const struct option *opt)
{
	CLEAN_STR char *min = size_text((uint64_t)opt->min), *max = size_text((uint64_t)opt->max);

	return xasprintf("a size from %s to %s such as \"%s\"", min, max,
		opt->fallback ? opt->fallback : "64m");
}

char *option_expectation(const struct option *opt)
{
	char min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];

	switch (opt->type) {
	case OPTION_INT:
		return xasprintf("a whole number from %" PRId64 " to %" PRId64, opt->min, opt->max);
	case OPTION_SIZE:
		return size_expectation(opt);
	case OPTION_DURATION:
		return xasprintf("a duration from %s to %s such as \"%s\"",
			duration_format(opt->min, min), duration_format(opt->max, max),
			opt->fallback ? opt->fallback : "5s");
	case OPTION_BOOL:
		return xstrdup("true or false");
	case OPTION_CHOICE:
		return choices_text(opt);
	case OPTION_LIST:
		return xasprintf("an array of at most %" PRId64 " strings", opt->max);
	case OPTION_CUSTOM:
		return xstrdup("a string or a number");
	case OPTION_STRING:
		break;
	}
	return xstrdup("a string");
}

static int choice_index(const struct option *opt, const char *text)
{
	for (int i = 0; opt->choices[i]; i++) {
		if (str_eq(opt->choices[i], text))
			return i;
	}
	return -1;
}

static bool in_range(const struct option *opt, const char *text)
{
	int64_t number;
	uint64_t size;

	switch (opt->type) {
	case OPTION_INT:
		return parse_i64(text, opt->min, opt->max, &number);
	case OPTION_SIZE:
		return size_parse(text, &size, NULL) == 0 && size >= (uint64_t)opt->min &&
		       size <= (uint64_t)opt->max;
	case OPTION_DURATION:
		return duration_parse(text, &number, NULL) == 0 && number >= opt->min &&
		       number <= opt->max;
	case OPTION_BOOL:
		return str_eq(text, "true") || str_eq(text, "false");
	case OPTION_CHOICE:
		return choice_index(opt, text) >= 0;
	default:
		return true;
	}
}

/* What no value of any type may hold. */
static const char *check_bytes(const char *text)
{
	size_t n = strlen(text);

	if (n > LIMIT_NAME)
		return "expected at most 4096 bytes";
	if (!utf8_valid(text, n))
		return "expected valid UTF-8";
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return "expected text without control characters";
	}
	return NULL;
}

char *option_check_text(const struct option *opt, char **text)
{
	const char *wrong = check_bytes(*text);

	if (!wrong && opt->type == OPTION_CUSTOM)
		wrong = opt->set(NULL, *text);
	else if (!wrong && opt->check)
		wrong = opt->check(text);
	if (wrong)
		return xstrdup(wrong);
	if (in_range(opt, *text))
		return NULL;
	CLEAN_STR char *expected = option_expectation(opt);
	return xasprintf("expected %s", expected);
}

/* The text was checked when it came in; a failure here is a bug in the table. */
void option_store(const struct option *opt, const struct option_value *v, void *config)
{
	void *target = (char *)config + opt->offset;
	int choice;
	bool ok = true;

	if (opt->type == OPTION_LIST) {
		strv_each (item, &v->list)
			strv_add(target, item);
		return;
	}
	if (!v->text)
		return;
	switch (opt->type) {
	case OPTION_INT:
		ok = parse_i64(v->text, opt->min, opt->max, target);
		break;
	case OPTION_SIZE:
		ok = size_parse(v->text, target, NULL) == 0;
		break;
	case OPTION_DURATION:
		ok = duration_parse(v->text, target, NULL) == 0;
		break;
	case OPTION_BOOL:
		*(bool *)target = str_eq(v->text, "true");
		break;
	case OPTION_CHOICE:
		choice = choice_index(opt, v->text);
		ok = choice >= 0;
		memcpy(target, &choice, sizeof(choice));
		break;
	case OPTION_CUSTOM:
		ok = opt->set(config, v->text) == NULL;
		break;
	case OPTION_STRING:
	case OPTION_LIST:
		*(char **)target = xstrdup(v->text);
		break;
	}
	if (!ok)
		BUG("option %s.%s: checked value does not store", opt->section, opt->key);
}
