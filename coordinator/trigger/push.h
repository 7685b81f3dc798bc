/*
 * The ref updates at the head of a git-receive-pack request: pkt-lines
 *   <old> <new> <ref>[NUL capabilities], … , flush
 * before the pack. Pure; the stream is watched with push_scan, then parsed once it is whole.
 */
#ifndef COORDINATOR_TRIGGER_PUSH_H
#define COORDINATOR_TRIGGER_PUSH_H

#include "base/buf.h"
#include "base/err.h"

#define PUSH_COMMANDS_MAX (1u << 20) /* bytes: some 8000 ref updates */

struct ref_update {
	char before[41], after[41]; /* 40 zeros: created, deleted */
	char *ref;
};
struct push {
	struct ref_update *v;
	size_t n;
};
void push_release(struct push *p);
#define CLEAN_PUSH CLEANUP(push_release)
bool oid_is_zero(const char *oid);

/* Collects the bytes up to the flush packet out of a stream that goes on with the pack. */
struct push_scan {
	struct buf head; /* BUF_INIT(PUSH_COMMANDS_MAX) */
	size_t next;     /* where the next packet begins */
	bool done;
};
/* ERR_LIMIT when there is no flush packet within the limit, ERR_INPUT for a bad packet length. */
int push_scan_add(struct push_scan *s, const char *p, size_t n, struct err *e) CHECK_RESULT;

/* Whether the client of a finished scan named this capability. */
bool push_asks(const char *p, size_t n, const char *capability);
/* The commands of a finished scan. Certificates and ids that are not SHA-1 are ERR_INPUT. */
int push_parse(const char *p, size_t n, struct push *ret, struct err *e) CHECK_RESULT;

#endif
