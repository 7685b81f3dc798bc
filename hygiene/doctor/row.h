/*
 * One row of doctor's answer: what a check found, and how bad it is. A check adds sentences to its
 * row; the row keeps the worst verdict of them. Owned by the report (doctor.h). Pure; any process.
 */
#ifndef HYGIENE_DOCTOR_ROW_H
#define HYGIENE_DOCTOR_ROW_H

#include "base/buf.h"

/* In the order of gravity: of several things that a check finds the gravest counts. */
enum doctor_verdict { DOCTOR_PASS, DOCTOR_SKIP, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_VERDICTS };
const char *doctor_verdict_name(enum doctor_verdict v); /* "pass", … */

struct doctor_row {
	const char *name;
	enum doctor_verdict verdict;
	bool unproved; /* something that should have been checked could not be */
	struct buf detail;
	const char *remedy; /* NULL: none is needed, or the check's usual one */
};

/* Adds to the detail, "; " between two sentences, and raises the verdict to v. */
void doctor_say(struct doctor_row *r, enum doctor_verdict v, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The same as SKIP that makes the evidence incomplete. */
void doctor_unproved(struct doctor_row *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
