/*
 * Finds and repairs a runner's registration that belongs to an owner and to a repository at once.
 * Work for such a runner is decided by the one and announced by the other, so that after an idle
 * moment it never asks again ("active, online, deaf").
 *
 * This store cannot hold one (a CHECK), but databases that runners come from can: the SQLite file
 * of a forge (Forgejo, Gitea: table action_runner with owner_id, repo_id, deleted), and a store of
 * ours that was edited past its CHECK or filled from such a file (table runners with scope_owner,
 * scope_repo_id, revoked_at). The file is opened for this alone: nothing is migrated, and without
 * `apply` nothing is written.
 *
 * One shape is repaired: exactly one registration of that name that is not deleted, with the
 * expected owner and the expected repository; it becomes the repository's. Everything else is
 * refused.
 */
#ifndef COORDINATOR_STORE_SCOPE_DOCTOR_H
#define COORDINATOR_STORE_SCOPE_DOCTOR_H

#include "base/clock.h"
#include "base/err.h"
#include "coordinator/store/audit.h"

struct scope_spec {
	const char *db;
	const char *name;  /* of the runner */
	const char *owner; /* id of the owner (a forge) or name (ours) that may stand there */
	const char *repo;  /* id of the repository that it belongs to */
	bool apply;
	const char *backup_dir; /* NULL: where db is */
	struct wall now;        /* names the backup */
	/* Recorded with a repair of our own store; a forge has no such table. */
	const struct audit_entry *audit;
};

enum scope_verdict {
	SCOPE_OK,         /* it is the repository's */
	SCOPE_REPAIRABLE, /* it is the repository's and the owner's */
	SCOPE_MISSING,    /* no registration of that name, or only deleted ones */
	SCOPE_AMBIGUOUS,  /* several that are not deleted */
	SCOPE_UNKNOWN,    /* any other scope */
	SCOPE_REPAIRED,   /* apply: it was repairable */
	SCOPE_CHANGED,    /* apply: another row came out than was expected; rolled back */
};
const char *scope_verdict_text(enum scope_verdict v); /* "OK", … */

struct scope_row {
	int64_t id;
	char *name, *owner, *repo;
	char *deleted; /* NULL: not deleted */
};
struct scope_report {
	struct scope_row *v; /* every row of the name, by id */
	size_t n;
	enum scope_verdict verdict;
	char *why;    /* one line */
	char *backup; /* path, NULL: none was made */
};
void scope_report_release(struct scope_report *r);
/* -1: the file cannot be read, or the backup cannot be made (then nothing was changed). */
int scope_doctor(
	const struct scope_spec *spec, struct scope_report *ret, struct err *e) CHECK_RESULT;

#endif
