/*
 * Whose failure is a failed job: the platform's (its checkout could not clear the workspace) or the
 * repository's (something failed after the checkout)? Reads log lines, in order, from a file or of
 * single steps; no I/O, changes nothing, bounded.
 *
 *	struct triage *t = triage_new(roots, n);
 *	triage_feed(t, bytes, n) …      a whole log: its lines say where steps begin
 *	triage_step(t, runner, is_checkout, failed), triage_feed(…) …      or steps from an API
 *	triage_conclude(t);
 *
 * Evidence is a line inside a failed checkout that says EACCES or EPERM about a path below a known
 * work root. Logs are hostile: names are taken only when they could name a workspace and hold
 * nothing but letters, digits, '.', '_' and '-'.
 */
#ifndef HYGIENE_WORKDIR_TRIAGE_H
#define HYGIENE_WORKDIR_TRIAGE_H

#include "base/buf.h"
#include "base/err.h"

enum triage_class {
	TRIAGE_PLATFORM_CHECKOUT,
	TRIAGE_DOWNSTREAM,
	TRIAGE_INCONCLUSIVE,
};
const char *triage_class_name(enum triage_class c);

/* Absolute paths as logs spell them; they need not exist here. */
struct triage_root {
	enum {
		TRIAGE_INSTANCE,  /* <path>/_work/<repo>/…; the host is path's last component */
		TRIAGE_INSTANCES, /* <path>/<host>/_work/<repo>/… */
		TRIAGE_OWN,       /* <path>/<run>/<job>/…; the host is the runner's name */
	} kind;
	const char *path;
};

enum { TRIAGE_PAIRS_MAX = 256, TRIAGE_LINE_MAX = 16 << 10 };
struct triage_pair {
	char *host, *repo;
	size_t root; /* index of the root that it was found below */
};

struct triage;
struct triage *triage_new(const struct triage_root *roots, size_t n); /* borrows roots */
void triage_free(struct triage *t);                                   /* NULL fine */
static inline void triage_freep(struct triage **t)
{
	triage_free(*t);
	*t = NULL;
}
/* Bytes of a log as they come; lines longer than TRIAGE_LINE_MAX are cut. */
void triage_feed(struct triage *t, const char *p, size_t n);
/* The following bytes are of this step. runner may be NULL. */
void triage_step(struct triage *t, const char *runner, bool is_checkout, bool failed);
enum triage_class triage_conclude(struct triage *t);

/* After triage_conclude: sorted, each once. */
const struct triage_pair *triage_pairs(const struct triage *t, size_t *ret_n);
const char *triage_reason(const struct triage *t); /* one line for people */

#endif
