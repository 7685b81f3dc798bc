/*
 * Which parts of the confinement hold on this machine with this configuration, as data: `run` logs
 * them at its start, `doctor` prints them. Looks at the kernel, at our own credentials and at the
 * profile; asks no engine and changes nothing. Takes about a millisecond.
 */
#ifndef SANDBOX_CONFINEMENT_H
#define SANDBOX_CONFINEMENT_H

#include "config/runner_config.h"

enum confinement_state {
	CONFINEMENT_STANDS,
	CONFINEMENT_LOWER,   /* stands, but for less than it could; detail says what that costs */
	CONFINEMENT_MISSING, /* detail says what that costs */
	CONFINEMENT_REFUSED, /* nothing should start like this; detail is the reason */
};
enum { CONFINEMENT_PARTS_MAX = 8 };

struct confinement_part {
	const char *name; /* seccomp, landlock, capabilities, user, cgroup */
	enum confinement_state state;
	char *detail; /* one line */
};
struct confinement {
	struct confinement_part v[CONFINEMENT_PARTS_MAX];
	size_t n;
};

void confinement_inspect(const struct runner_config *c, struct confinement *ret);
void confinement_release(struct confinement *w);
const char *confinement_state_name(
	enum confinement_state s); /* "stands", "lower", "missing", "refused" */
/* Checks and logs: one line event=confinement with all parts, one warning for each that does not
 * hold. -1 with the reason when one is CONFINEMENT_REFUSED: nothing should be claimed then. */
int confinement_announce(const struct runner_config *c, struct err *e) CHECK_RESULT;

#endif
