/*
 * Reader and verifier both add findings, so the list stands below both. A profile of a megabyte may
 * be wrong in every rule: after the cap only `cut` is set.
 */
#include "sandbox/seccomp_report.h"

#include <stdarg.h>
#include <stdio.h>

void seccomp_report_add(
	struct seccomp_report *r, const char *where, const char *expected, const char *what, ...)
{
	char text[256];
	va_list args;

	if (r->n == SECCOMP_FINDINGS_MAX) {
		r->cut = true;
		return;
	}
	va_start(args, what);
	vsnprintf(text, sizeof(text), what, args);
	va_end(args);
	r->findings = xrealloc(r->findings, (r->n + 1) * sizeof(*r->findings));
	r->findings[r->n++] =
		(struct seccomp_finding){ xstrdup(where), xstrdup(text), xstrdup(expected), false };
}

void seccomp_report_tolerate(struct seccomp_report *r, const char *beyond)
{
	if (r->cut || r->n == 0 || r->findings[r->n - 1].tolerated)
		return;
	r->findings[r->n - 1].tolerated = true;
	r->tolerated++;
	if (!strv_contains(&r->beyond, beyond))
		strv_add(&r->beyond, beyond);
}

bool seccomp_report_usable(const struct seccomp_report *r)
{
	return !r->cut && r->n == r->tolerated && r->probes > 0;
}

void seccomp_report_release(struct seccomp_report *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->findings[i].where);
		free(r->findings[i].what);
		free(r->findings[i].expected);
	}
	free(r->findings);
	strv_release(&r->notes);
	strv_release(&r->beyond);
	*r = (struct seccomp_report){ 0 };
}
