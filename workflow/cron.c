#include "workflow/cron.h"

#include <strings.h>

struct cron_field {
	const char *name;
	int least, most;
	const char *const *words; /* of value least, least + 1, …; NULL: numbers only */
};

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
	"oct", "nov", "dec", NULL };
static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct cron_field fields[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day of month", 1, 31, NULL },
	{ "month", 1, 12, months },
	{ "day of week", 0, 6, days },
};

static bool parse_value(const struct cron_field *f, const char *text, int64_t *ret)
{
	for (int i = 0; f->words && f->words[i]; i++)
		if (strcasecmp(f->words[i], text) == 0) {
			*ret = f->least + i;
			return true;
		}
	return parse_i64(text, f->least, f->most, ret);
}

/* One element of a list, e.g. "1-5/2". The text is cut at '/' and '-'. */
static bool check_element(const struct cron_field *f, char *text)
{
	char *slash = strchr(text, '/'), *dash;
	int64_t from, to, every;

	if (slash) {
		*slash = '\0';
		if (!parse_i64(slash + 1, 1, f->most, &every))
			return false;
	}
	if (str_eq(text, "*"))
		return true;
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (!parse_value(f, text, &from))
		return false;
	return !dash || (parse_value(f, dash + 1, &to) && from <= to);
}

static bool check_field(const struct cron_field *f, const char *text)
{
	CLEAN_STR char *copy = xstrdup(text);
	char *p = copy;

	for (;;) {
		char *comma = strchr(p, ',');
		if (comma)
			*comma = '\0';
		if (!check_element(f, p))
			return false;
		if (!comma)
			return true;
		p = comma + 1;
	}
}

int cron_check(const char *line, struct err *e)
{
	CLEANUP(strv_release) struct strv words = { 0 };

	strv_split(&words, line, ' ');
	if (words.n != ARRAY_LEN(fields))
		return err_set(e, ERR_INPUT, "cron line has %zu fields, expected 5", words.n);
	for (size_t i = 0; i < words.n; i++)
		if (!check_field(&fields[i], words.v[i]))
			return err_set(e, ERR_INPUT,
				"cron field \"%s\" is no %s, expected values from %d to %d",
				words.v[i], fields[i].name, fields[i].least, fields[i].most);
	return 0;
}
