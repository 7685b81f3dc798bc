/*
 * Evidence: what a cleaner wrote down before and after it changed something, so that a later one,
 * or a person, can tell what happened. Two forms, both durable when the call returns:
 *
 *   a journal   one JSON object a line, append-only; a torn last line (power loss) never joins the
 *               next one, and readers skip it
 *   a record    one file per key in a folder, replaced as a whole; its name is the
 *               key's SHA-256, so a key may hold anything
 *
 * Files 0600 in a folder 0700 that belong to the caller alone; links are refused. Two processes may
 * append to one journal at the same time. Any process that may write the state directory.
 */
#ifndef STATE_EVIDENCE_H
#define STATE_EVIDENCE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum {
	EVIDENCE_LINE_MAX = 64 << 10,
	EVIDENCE_RECORD_MAX = 1 << 20,
	EVIDENCE_READ_MAX = 4 << 20, /* of a journal; what is older is not read */
};

/* <state_dir>/<name>, 0700, made when missing (with its parents). */
char *evidence_folder(const char *state_dir, const char *name, struct err *e) CHECK_RESULT;

/* Adds one line (without the newline; JSON text has none) and waits until it is on the disk. */
int evidence_append(const char *path, struct slice line, struct err *e) CHECK_RESULT;
/* The lines from the oldest to the newest; false ends early. A journal that does not exist is
 * empty. *ret_damaged counts lines that are no JSON object. */
typedef bool (*evidence_fn)(const struct json_value *record, void *data);
int evidence_each(const char *path, evidence_fn fn, void *data, uint64_t *ret_damaged,
	struct err *e) CHECK_RESULT;

int evidence_put(
	const char *folder, const char *key, struct slice record, struct err *e) CHECK_RESULT;
/* Appends the record to out; ERR_NOT_FOUND: no such key. */
int evidence_get(const char *folder, const char *key, struct buf *out, struct err *e) CHECK_RESULT;
/* Removes it; a missing one is no error. */
int evidence_drop(const char *folder, const char *key, struct err *e) CHECK_RESULT;
/* Paths of all records, in no order that means anything. */
int evidence_list(const char *folder, struct strv *ret, struct err *e) CHECK_RESULT;

#endif
