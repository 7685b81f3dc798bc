/*
 * Deadlines use CLOCK_BOOTTIME: a laptop that slept must not believe that no time has passed. The
 * text forms are parsed by hand, because strptime follows the locale and accepts too much.
 */
#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		BUG("clock %d cannot be read", (int)id);
	return (int64_t)ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / 1000;
}

struct mono mono_now(void)
{
	return (struct mono){ read_clock(CLOCK_BOOTTIME) };
}

struct wall wall_now(void)
{
	return (struct wall){ read_clock(CLOCK_REALTIME) };
}

/* Lets the compiler prove that the text fits. */
static unsigned two_digits(int v)
{
	return (unsigned)v % 100;
}

const char *wall_format(struct wall t, char out[WALL_TEXT_MAX])
{
	int64_t sec = t.us / USEC_PER_SEC, us = t.us % USEC_PER_SEC;
	struct tm tm = { 0 };

	if (us < 0) { /* before 1970: round towards the past */
		us += USEC_PER_SEC;
		sec--;
	}
	time_t when = sec;
	gmtime_r(&when, &tm);
	snprintf(out, WALL_TEXT_MAX, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", tm.tm_year + 1900,
		two_digits(tm.tm_mon + 1), two_digits(tm.tm_mday), two_digits(tm.tm_hour),
		two_digits(tm.tm_min), two_digits(tm.tm_sec), (unsigned)(us / 1000) % 1000);
	return out;
}

/* Exactly n digits; moves *p past them. */
static bool digits(const char **p, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		v = v * 10 + (**p - '0');
	}
	*ret = v;
	return true;
}

static bool literal(const char **p, char c)
{
	if (toupper((unsigned char)**p) != c)
		return false;
	(*p)++;
	return true;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* ".5" and longer; what is finer than a microsecond is dropped. */
static bool parse_fraction(const char **p, int64_t *ret_us)
{
	int64_t us = 0, unit = USEC_PER_SEC / 10;

	*ret_us = 0;
	if (**p != '.')
		return true;
	(*p)++;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, unit /= 10)
		us += (**p - '0') * unit;
	*ret_us = us;
	return true;
}

/* "Z" or "+hh:mm", in seconds east of Greenwich. */
static bool parse_offset(const char **p, int *ret)
{
	int sign, hours, minutes;

	*ret = 0;
	if (literal(p, 'Z'))
		return true;
	sign = **p == '-' ? -1 : 1;
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!digits(p, 2, &hours) || !literal(p, ':') || !digits(p, 2, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return hours <= 23 && minutes <= 59;
}

static bool parse_date(const char **p, struct tm *tm)
{
	int year, month;

	if (!digits(p, 4, &year) || !literal(p, '-') || !digits(p, 2, &month) || !literal(p, '-') ||
		!digits(p, 2, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return month >= 1 && month <= 12 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= month_days(year, month);
}

static bool parse_clock(const char **p, struct tm *tm)
{
	if (!digits(p, 2, &tm->tm_hour) || !literal(p, ':') || !digits(p, 2, &tm->tm_min) ||
		!literal(p, ':') || !digits(p, 2, &tm->tm_sec))
		return false;
	/* 60 is a leap second; timegm makes it the next one */
	return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 60;
}

int wall_parse(const char *text, struct wall *ret, struct err *e)
{
	const char *p = text;
	struct tm tm = { 0 };
	int64_t us;
	int offset;

	if (!parse_date(&p, &tm) || !literal(&p, 'T') || !parse_clock(&p, &tm) ||
		!parse_fraction(&p, &us) || !parse_offset(&p, &offset) || *p)
		return err_set(e, ERR_INPUT,
			"time \"%.64s\": expected RFC 3339 such as 2026-01-31T12:00:00Z", text);
	ret->us = ((int64_t)timegm(&tm) - offset) * USEC_PER_SEC + us;
	return 0;
}

static const struct unit {
	const char *name;
	int64_t us;
} units[] = {
	/* largest first: a duration names them in this order, each once */
	{ "d", 86400 * USEC_PER_SEC },
	{ "h", 3600 * USEC_PER_SEC },
	{ "m", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "ms", USEC_PER_MSEC },
};

static bool number(const char **p, int64_t *ret)
{
	const char *from = *p;
	int64_t v = 0;

	for (; isdigit((unsigned char)**p); (*p)++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, **p - '0', &v))
			return false;
	*ret = v;
	return *p > from;
}

static size_t letters(const char *p)
{
	return strspn(p, "abcdefghijklmnopqrstuvwxyz");
}

/* One "30m"; *next is the first unit still allowed. */
static bool duration_part(const char **p, size_t *next, int64_t *total)
{
	int64_t n, part;
	size_t len;

	if (!number(p, &n))
		return false;
	len = letters(*p);
	while (*next < ARRAY_LEN(units) && !slice_eq((struct slice){ *p, len }, units[*next].name))
		(*next)++;
	if (*next == ARRAY_LEN(units))
		return false;
	*p += len;
	return !__builtin_mul_overflow(n, units[(*next)++].us, &part) &&
	       !__builtin_add_overflow(*total, part, total);
}

int duration_parse(const char *text, int64_t *ret_us, struct err *e)
{
	const char *p = text;
	int64_t total = 0;
	size_t next = 0;

	if (strcmp(text, "0") != 0) {
		do {
			if (!duration_part(&p, &next, &total))
				return err_set(e, ERR_INPUT,
					"duration \"%.64s\": expected numbers with d, h, m, s or "
					"ms "
					"such as 30s or 1h30m",
					text);
		} while (*p);
	}
	*ret_us = total;
	return 0;
}

const char *duration_format(int64_t us, char out[DURATION_TEXT_MAX])
{
	bool negative = us < 0;
	uint64_t rest = negative ? 0 - (uint64_t)us : (uint64_t)us;
	size_t len = 0;

	rest -= rest % USEC_PER_MSEC;
	if (rest == 0)
		return memcpy(out, "0s", 3);
	if (negative)
		out[len++] = '-';
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		uint64_t unit = (uint64_t)units[i].us, n = rest / unit;

		if (n == 0)
			continue;
		len += (size_t)snprintf(
			out + len, DURATION_TEXT_MAX - len, "%" PRIu64 "%s", n, units[i].name);
		rest -= n * unit;
	}
	return out;
}

int size_parse(const char *text, uint64_t *ret_bytes, struct err *e)
{
	static const char letters_in_order[] = "kmgt";
	const char *p = text, *unit;
	uint64_t bytes;
	int64_t n;
	int shift = 0;

	if (!number(&p, &n))
		goto bad;
	unit = *p ? strchr(letters_in_order, tolower((unsigned char)*p)) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - letters_in_order + 1);
		p++;
	}
	if (tolower((unsigned char)*p) == 'b')
		p++;
	if (*p || __builtin_mul_overflow((uint64_t)n, UINT64_C(1) << shift, &bytes))
		goto bad;
	*ret_bytes = bytes;
	return 0;
bad:
	return err_set(e, ERR_INPUT,
		"size \"%.64s\": expected bytes or a number with k, m, g or t such as 512m", text);
}

const char *size_format(uint64_t bytes, char out[SIZE_TEXT_MAX])
{
	static const char letters[] = "tgmk";
	unsigned shift = 40;

	for (const char *u = letters; *u; u++, shift -= 10) {
		if (bytes && bytes % (UINT64_C(1) << shift) == 0) {
			snprintf(out, SIZE_TEXT_MAX, "%" PRIu64 "%c", bytes >> shift, *u);
			return out;
		}
	}
	snprintf(out, SIZE_TEXT_MAX, "%" PRIu64, bytes);
	return out;
}
