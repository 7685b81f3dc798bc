/*
 * One workspace put right, with evidence: inspected, lease taken, use asked once more, recorded,
 * changed, inspected again, recorded. A preview does the first inspection only. The lease is held
 * for one rename (remove) or one walk (unlock), never while a tree is inspected or deleted. The
 * journal <state_dir>/hygiene/remediations.jsonl (state/evidence.h) is also what tells that the
 * same workspace was removed before and is contaminated again.
 */
#ifndef HYGIENE_WORKDIR_REMEDIATE_H
#define HYGIENE_WORKDIR_REMEDIATE_H

#include "base/exits.h"
#include "hygiene/workdir/audit.h"
#include "hygiene/workdir/repair.h"

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
	struct workdir aside;        /* entry NULL: it kept its name; else where it was moved */
	bool refused;                /* --apply was given and nothing was done */
	bool applied, audited_after; /* audited_after: it is still there */
	struct workdir_repair repair;
	enum exit_code code;
	char *verdict; /* owned; one line for people */
};
/* Never fails: what went wrong is code and verdict. */
void remediate(struct remediation *ret, const struct workdir *w, const struct remediate_spec *spec);
void remediation_release(struct remediation *r);

/* How often this workspace was removed since then, unlocks and failures not counted; -1: the
 * journal cannot be read. */
int remediation_count_since(const char *state_dir, const struct workdir *w, struct wall since,
	uint64_t *ret, struct err *e) CHECK_RESULT;

#endif
