/*
 * Audits, plans and changes as JSON (stable keys, hosts and workspaces sorted) and as text. Names
 * and paths are escaped (base/codec.h, text_escape).
 */
#ifndef HYGIENE_WORKDIR_REPORT_H
#define HYGIENE_WORKDIR_REPORT_H

#include "hygiene/workdir/reconcile.h"

/* A host that could not be opened or listed: reported beside the others. */
struct host_failure {
	char *path, *error; /* owned */
	enum exit_code code;
};
struct host_failures {
	struct host_failure *v;
	size_t n;
};
void host_failures_add(struct host_failures *f, const char *path, const struct err *e);
void host_failures_release(struct host_failures *f);

/* What was inspected: one row for each host, sorted by name. Borrowed. */
struct report_scope {
	const struct reconcile *hosts;
	size_t n;
	const struct host_failures *failures;
	struct wall now;
};
/* {"observed_at","workdirs":[…],"failures":[{"path","error"}…],"totals":{…}} */
int report_audit_json(struct buf *out, const struct report_scope *s, struct err *e);
void report_audit_text(struct buf *out, const struct report_scope *s);
/* {"observed_at","applied","hosts":[{"host","verdict","exit","candidate","workdirs",…}…],"failures",
 * "totals","exit"} */
int report_reconcile_json(struct buf *out, const struct report_scope *s, bool applied,
	enum exit_code code, struct err *e);
void report_reconcile_text(struct buf *out, const struct report_scope *s);
/* {"observed_at","applied","host","repo","path","mode","before","changes","after","verdict","exit"}
 */
int report_remediation_json(
	struct buf *out, const struct remediation *r, struct wall now, struct err *e);
void report_remediation_text(struct buf *out, const struct remediation *r);

#endif
