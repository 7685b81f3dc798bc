/*
 * Audits, plans and changes as JSON (stable keys, hosts and workspaces sorted) and as text. Names
 * and paths are escaped (base/codec.h, text_escape).
 */
#ifndef HYGIENE_WORKDIR_REPORT_H
#define HYGIENE_WORKDIR_REPORT_H

#include "hygiene/reconcile.h"

/* {"observed_at","workdirs":[…],"totals":{…}}; r: one for each host, sorted by name. */
int report_audit_json(
	struct buf *out, const struct reconcile *r, size_t n, struct wall now, struct err *e);
void report_audit_text(struct buf *out, const struct reconcile *r, size_t n);
/* {"observed_at","applied","hosts":[{"host","verdict","exit","candidate","workdirs",…}…],"exit"} */
int report_reconcile_json(struct buf *out, const struct reconcile *r, size_t n, bool applied,
	enum exit_code code, struct wall now, struct err *e);
void report_reconcile_text(struct buf *out, const struct reconcile *r, size_t n);
/* {"observed_at","applied","host","repo","path","mode","before","changes","after","verdict","exit"}
 */
int report_remediation_json(
	struct buf *out, const struct remediation *r, struct wall now, struct err *e);
void report_remediation_text(struct buf *out, const struct remediation *r);

#endif
