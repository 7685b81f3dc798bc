/*
 * A field becomes a set of bits, and the next time is found from the largest unit down: a month or
 * a day that does not fit is skipped whole, so even a line that never fires is answered in a few
 * thousand steps. Without leap seconds and time zones, days are 86,400 seconds.
 */
#include "workflow/cron.h"

#include <strings.h>
#include <time.h>

struct cron_field {
	const char *name;
	int least, most;
	const char *const *words; /* of value least, least + 1, …; NULL: numbers only */
};

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep",
	"oct", "nov", "dec", NULL };
static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct cron_field fields[FIELDS] = {
	[MINUTE] = { "minute", 0, 59, NULL },
	[HOUR] = { "hour", 0, 23, NULL },
	[DAY] = { "day of month", 1, 31, NULL },
	[MONTH] = { "month", 1, 12, months },
	[WEEKDAY] = { "day of week", 0, 6, days },
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

/* The text is cut at '-'. */
static bool parse_range(const struct cron_field *f, char *text, int64_t *from, int64_t *to)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	if (!parse_value(f, text, from))
		return false;
	if (!dash) {
		*to = *from;
		return true;
	}
	return parse_value(f, dash + 1, to) && *from <= *to;
}

/* One element of a list, e.g. "1-5/2". The text is cut at '/' and '-'. */
static bool parse_element(const struct cron_field *f, char *text, uint64_t *set)
{
	char *slash = strchr(text, '/');
	int64_t from = f->least, to = f->most, every = 1;

	if (slash) {
		*slash = '\0';
		if (!parse_i64(slash + 1, 1, f->most, &every))
			return false;
	}
	if (!str_eq(text, "*")) {
		bool range = strchr(text, '-') != NULL;

		if (!parse_range(f, text, &from, &to))
			return false;
		if (slash && !range)
			to = f->most;
	}
	for (int64_t v = from; v <= to; v += every)
		*set |= UINT64_C(1) << v;
	return true;
}

static bool parse_field(const struct cron_field *f, const char *text, uint64_t *set)
{
	CLEAN_STR char *copy = xstrdup(text);
	char *p = copy;

	*set = 0;
	for (;;) {
		char *comma = strchr(p, ',');

		if (comma)
			*comma = '\0';
		if (!parse_element(f, p, set))
			return false;
		if (!comma)
			return true;
		p = comma + 1;
	}
}

static void split_words(struct strv *words, const char *line)
{
	static const char blanks[] = " \t";

	for (line += strspn(line, blanks); *line; line += strspn(line, blanks)) {
		size_t n = strcspn(line, blanks);
		CLEAN_STR char *word = xstrndup(line, n);

		strv_add(words, word);
		line += n;
	}
}

int cron_parse(const char *line, struct cron *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv words = { 0 };
	uint64_t sets[FIELDS];

	split_words(&words, line);
	if (words.n != FIELDS)
		return err_set(e, ERR_INPUT, "cron line has %zu fields, expected 5", words.n);
	for (size_t i = 0; i < FIELDS; i++)
		if (!parse_field(&fields[i], words.v[i], &sets[i]))
			return err_set(e, ERR_INPUT,
				"cron field \"%s\" is not a valid %s, expected values from %d to "
				"%d",
				words.v[i], fields[i].name, fields[i].least, fields[i].most);
	*ret = (struct cron){ .minutes = sets[MINUTE],
		.hours = sets[HOUR],
		.days = sets[DAY],
		.months = sets[MONTH],
		.weekdays = sets[WEEKDAY],
		.any_day = words.v[DAY][0] == '*',
		.any_weekday = words.v[WEEKDAY][0] == '*' };
	return 0;
}

int cron_check(const char *line, struct err *e)
{
	struct cron c;

	return cron_parse(line, &c, e);
}

static bool has(uint64_t set, int value)
{
	return set >> value & 1;
}

static bool day_fits(const struct cron *c, const struct tm *t)
{
	bool day = has(c->days, t->tm_mday), weekday = has(c->weekdays, t->tm_wday);

	return c->any_day || c->any_weekday ? day && weekday : day || weekday;
}

/* Whether this minute fits; if not, *ret_skip seconds lead to the next that may. */
static bool minute_fits(const struct cron *c, time_t at, time_t *ret_skip)
{
	struct tm t;

	gmtime_r(&at, &t);
	if (!has(c->months, t.tm_mon + 1) || !day_fits(c, &t))
		*ret_skip = 86400 - at % 86400;
	else if (!has(c->hours, t.tm_hour))
		*ret_skip = 3600 - at % 3600;
	else if (!has(c->minutes, t.tm_min))
		*ret_skip = 60;
	else
		return true;
	return false;
}

struct wall cron_next(const struct cron *c, struct wall after)
{
	const time_t begin = (time_t)(after.us / USEC_PER_SEC);
	const time_t end = begin + (time_t)8 * 366 * 86400; /* two leap days, also over 2100 */
	time_t skip;

	for (time_t at = begin - begin % 60 + 60; at <= end; at += skip)
		if (minute_fits(c, at, &skip))
			return (struct wall){ (int64_t)at * USEC_PER_SEC };
	return (struct wall){ 0 };
}
