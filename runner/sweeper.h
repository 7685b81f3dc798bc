/*
 * Has the janitor sweep the workspace root (hygiene/sweep.h): at the start and every SWEEPER_S
 * seconds. One sweep at a time, in a child; what it finds stands in the log. Supervisor only.
 */
#ifndef RUNNER_SWEEPER_H
#define RUNNER_SWEEPER_H

#include "base/loop.h"
#include "runner/settings.h"

enum { SWEEPER_S = 3600 };

struct sweeper;
/* current: where the settings in force are found, each time. Never NULL. */
struct sweeper *sweeper_new(struct loop *l, struct settings *const *current);
void sweeper_free(
	struct sweeper *s); /* ends a sweep in its midst, which harms nothing; NULL fine */

#endif
