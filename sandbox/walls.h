/*
 * Which walls stand on this machine with this configuration, as data: `run` logs them at its start,
 * `doctor` prints them. Looks at the kernel, at our own credentials and at the profile; asks no
 * engine and changes nothing. Takes about a millisecond.
 */
#ifndef SANDBOX_WALLS_H
#define SANDBOX_WALLS_H

#include "config/runner_config.h"

enum wall_state {
	WALL_STANDS,
	WALL_LOWER,   /* stands, but for less than it could; detail says what that costs */
	WALL_MISSING, /* detail says what that costs */
	WALL_REFUSED, /* nothing should start like this; detail is the reason */
};
enum { WALLS_MAX = 8 };

struct wall_fact {
	const char *name; /* seccomp, landlock, capabilities, user, cgroup */
	enum wall_state state;
	char *detail; /* one line */
};
struct walls {
	struct wall_fact v[WALLS_MAX];
	size_t n;
};

void walls_look(const struct runner_config *c, struct walls *ret);
void walls_release(struct walls *w);
const char *wall_state_name(enum wall_state s); /* "stands", "lower", "missing", "refused" */
/* Looks and logs: one line event=walls with all of them, one warning for each that does not stand.
 * -1 with the reason when one is WALL_REFUSED: nothing should be claimed then. */
int walls_announce(const struct runner_config *c, struct err *e) CHECK_RESULT;

#endif
