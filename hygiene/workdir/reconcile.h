/*
 * What to do about a whole host: inspects every workspace and decides by the few rules that keep a
 * cleaner from hiding a sick host. At most one contaminated workspace, curable by its owner, on a
 * host that nobody uses, not put right lately: that one is a candidate for removal. Everything else
 * is refused or escalated, and then nothing on that host is touched.
 */
#ifndef HYGIENE_WORKDIR_RECONCILE_H
#define HYGIENE_WORKDIR_RECONCILE_H

#include "hygiene/workdir/remediate.h"

struct reconcile_spec {
	bool apply, confirm_drained;
	const char *state_dir;
	int64_t recurrence_us; /* contaminated again within this time after it was put right */
	const struct workdir_audit_spec *audit;
};
struct reconcile {
	const struct workdir_host *host;
	struct workdirs dirs;
	struct workdir_audit *audits; /* one for each of dirs */
	size_t n;                     /* of audits */
	uint64_t count[WORKDIR_STATUSES];
	const struct workdir *candidate; /* NULL: none */
	struct remediation done;
	bool has_done;
	enum exit_code code;
	char *verdict; /* owned */
};
/* Inspects all workspaces of a host: 0, or -1 when it cannot be listed. */
int host_audit(struct reconcile *ret, const struct workdir_host *h,
	const struct workdir_audit_spec *spec, struct err *e) CHECK_RESULT;
/* After host_audit: decides, and with apply acts. */
void host_reconcile(struct reconcile *r, const struct reconcile_spec *spec);
void reconcile_release(struct reconcile *r);

#endif
