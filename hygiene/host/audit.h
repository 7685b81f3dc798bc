/*
 * The spool of host hygiene: what was intended, begun and done, durable before and after. One
 * record a key, replaced as a whole; a key stands for one intent (host, action, volume, mutate) for
 * ever. Lives in <state_dir>/hygiene/audit (0700, files 0600, state/evidence.h).
 *
 *   planned -> action_started -> completed | failed
 *
 * A record that is ready, wants to change something and has not ended is unresolved: its process
 * died. It blocks the next change of the same host and action until it is closed as failed; what it
 * began is never repeated.
 */
#ifndef HYGIENE_HOST_AUDIT_H
#define HYGIENE_HOST_AUDIT_H

#include "base/clock.h"
#include "base/json.h"

enum audit_status { AUDIT_PLANNED, AUDIT_STARTED, AUDIT_COMPLETED, AUDIT_FAILED };
const char *audit_status_name(enum audit_status s);

struct audit_record {
	char *key, *host, *action, *volume; /* volume: NULL when none is meant */
	bool mutate, ready;
	enum audit_status status;
	char *message;
	struct wall created, updated;
	struct pairs documents; /* name -> JSON text: request, plan, pre, idle, calls, post, … */
};
void audit_record_release(struct audit_record *r);
bool audit_same_intent(const struct audit_record *a, const struct audit_record *b);
bool audit_unresolved(const struct audit_record *r);
static inline bool audit_ended(const struct audit_record *r)
{
	return r->status >= AUDIT_COMPLETED;
}
/* A document from a writer function's output; BUG when it cannot be written. */
typedef void (*audit_write_fn)(const void *what, struct json_writer *w);
void audit_document(
	struct audit_record *r, const char *name, audit_write_fn write, const void *what);
/* All but the documents; or with them. */
void audit_record_write(const struct audit_record *r, bool documents, struct json_writer *w);

struct audit {
	char *records, *outbox; /* folders */
};
int audit_open(struct audit *a, const char *state_dir, struct err *e) CHECK_RESULT;
/* The same for reading alone: makes nothing, folders that are not there are empty. */
void audit_open_existing(struct audit *a, const char *state_dir);
void audit_release(struct audit *a);
/* Moves records and messages that cannot be read to <state_dir>/hygiene/damaged; *ret_n of them. */
int audit_move_damaged(
	const struct audit *a, const char *state_dir, size_t *ret_n, struct err *e) CHECK_RESULT;
/* Sets updated (and created the first time); durable when it returns. */
int audit_put(const struct audit *a, struct audit_record *r, struct err *e) CHECK_RESULT;
/* 1, 0: there is none of that key, -1. */
int audit_get(const struct audit *a, const char *key, struct audit_record *ret,
	struct err *e) CHECK_RESULT;

struct audit_list {
	struct audit_record *v;
	size_t n;
};
/* All, the newest first. A damaged record is an error: what it says may matter. */
int audit_each(const struct audit *a, struct audit_list *ret, struct err *e) CHECK_RESULT;
void audit_list_release(struct audit_list *l);

#endif
