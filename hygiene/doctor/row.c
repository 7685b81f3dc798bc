/*
 * A verdict only ever gets worse, so a check may add its findings in any order and need not
 * remember what it said before. Text comes from peers and files: it is cut here, and doctor.c
 * removes control characters and secrets before anybody prints it.
 */
#include "hygiene/doctor/row.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"

const char *doctor_verdict_name(enum doctor_verdict v)
{
	static const char *const names[] = { "pass", "skip", "warn", "fail" };

	return names[v];
}

static void add_sentence(struct doctor_row *r, enum doctor_verdict v, const char *fmt, va_list args)
{
	char text[ERR_TEXT_MAX + 256];

	vsnprintf(text, sizeof(text), fmt, args);
	if (r->verdict < v)
		r->verdict = v;
	buf_addf(&r->detail, "%s%s", r->detail.len ? "; " : "", text);
}

void doctor_say(struct doctor_row *r, enum doctor_verdict v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_sentence(r, v, fmt, args);
	va_end(args);
}

void doctor_unproved(struct doctor_row *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_sentence(r, DOCTOR_SKIP, fmt, args);
	va_end(args);
	r->unproved = true;
}
