/*
 * One workspace put right, with evidence: lease taken, looked at, recorded, changed, looked at
 * again, recorded. A preview does the first look only. The journal
 * <state_dir>/hygiene/remediations.jsonl (state/evidence.h) is also what tells that the same
 * workspace was put right before and is contaminated again.
 */
#ifndef HYGIENE_REMEDIATE_H
#define HYGIENE_REMEDIATE_H

#include "base/exits.h"
#include "hygiene/workdir_audit.h"
#include "hygiene/workdir_repair.h"

struct remediate_spec {
	enum workdir_mode mode;
	bool apply, confirm_drained;
	const char *state_dir; /* where the evidence goes */
	const struct workdir_audit_spec *audit;
};
struct remediation {
	const struct workdir *dir;
	enum workdir_mode mode;
	struct workdir_audit before, after;
	bool applied, looked_after; /* looked_after: it is still there */
	struct workdir_repair repair;
	enum exit_code code;
	char *verdict; /* owned; one line for people */
};
/* Never fails: what went wrong is code and verdict. */
void remediate(struct remediation *ret, const struct workdir *w, const struct remediate_spec *spec);
void remediation_release(struct remediation *r);

/* How often this workspace of this host was changed since then; -1: the journal cannot be read. */
int remediation_count_since(const char *state_dir, const struct workdir *w, struct wall since,
	uint64_t *ret, struct err *e) CHECK_RESULT;

#endif
