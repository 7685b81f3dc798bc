/*
 * The guard's journal, <state_dir>/hygiene/disk_guard.jsonl: one object a decision
 *   {"at","mode","path","decision","reason","detail","bytes","age_seconds","free_bytes"}
 * each on the disk before the next thing happens. Where the disk is too full for a line it waits
 * in memory until something was deleted. A journal above RECORD_ROTATE bytes becomes
 * disk_guard.jsonl.1, over an older one. Caller holds the guard's lock.
 */
#ifndef HYGIENE_DISK_GUARD_RECORD_H
#define HYGIENE_DISK_GUARD_RECORD_H

#include "base/json.h"
#include "hygiene/disk/guard.h"

enum { RECORD_ROTATE = 2 << 20 };

struct guard_record {
	char *path;
	struct strv waiting;
	char *error; /* of the last try that failed; NULL: none */
};
void guard_record_open(struct guard_record *r, const char *state_dir);
void guard_record_add(struct guard_record *r, enum guard_mode mode, const struct guard_decision *d);
/* Tries once more; NULL: all is on the disk, else why not, owned. */
char *guard_record_close(struct guard_record *r) CHECK_RESULT;
/* The decision as one JSON object; also what the verb prints. */
void guard_decision_write(const struct guard_decision *d, enum guard_mode mode, struct wall at,
	struct json_writer *w);

#endif
