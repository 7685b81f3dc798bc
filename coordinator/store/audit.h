/*
 * The audit table: who changed what of the pool, its policies and its rights, when and why. Entries
 * are only ever added; one that was begun gets its outcome once. Record one inside the transaction
 * that makes the change (store.h), so that there is neither a change without an entry nor an entry
 * without its change.
 */
#ifndef COORDINATOR_STORE_AUDIT_H
#define COORDINATOR_STORE_AUDIT_H

#include "base/clock.h"
#include "coordinator/store/page.h"
#include "coordinator/store/store.h"

enum { AUDIT_TEXT_MAX = 1000 }; /* bytes of a text; longer ones are cut */

enum audit_by {
	AUDIT_OPERATOR,    /* somebody on the coordinator's machine: who_id is the uid */
	AUDIT_USER,        /* a user by the API: who_id is the user's id */
	AUDIT_COORDINATOR, /* the coordinator itself */
};
const char *audit_by_text(enum audit_by by);

struct audit_entry {
	enum audit_by by;
	int64_t who_id;          /* 0: none */
	const char *who;         /* a name, NULL: none */
	const char *verb;        /* "runner.drain" */
	const char *target_kind; /* "runner", "repository", "owner", "site", … */
	const char *target;      /* id or full name; NULL: the kind says it all */
	const char *reason;      /* as given, NULL: none */
	const char *outcome;     /* NULL: "done" */
	const char *address;     /* a user's, NULL: none */
};
int store_audit_record(
	struct store *s, const struct audit_entry *r, struct wall now, struct err *e) CHECK_RESULT;
/* What takes a while: its entry is there before it begins, with the outcome "begun", … */
int store_audit_begin(struct store *s, const struct audit_entry *r, struct wall now,
	int64_t *ret_id, struct err *e) CHECK_RESULT;
/* … and says in the end what became of it. */
int store_audit_end(struct store *s, int64_t id, const char *outcome, struct err *e) CHECK_RESULT;

struct audit_row {
	int64_t id;
	struct wall at;
	char *by; /* operator, user, coordinator */
	int64_t who_id;
	char *who;
	char *verb, *target_kind, *target;
	char *reason, *outcome, *address;
};
struct audit_rows {
	struct audit_row *v;
	size_t n;
};
void audit_rows_release(struct audit_rows *l);

struct audit_filter {
	struct wall since, until;         /* since <= at < until; 0: open */
	const char *target_kind, *target; /* NULL: any */
	struct page page;
};
int store_audit_count(
	struct store *s, const struct audit_filter *f, int64_t *ret, struct err *e) CHECK_RESULT;
/* Newest first. */
int store_audit_list(struct store *s, const struct audit_filter *f, struct audit_rows *ret,
	struct err *e) CHECK_RESULT;

#endif
