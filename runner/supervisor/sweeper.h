/*
 * Has the janitor sweep the workspace root (hygiene/disk/sweep.h): at the start and every SWEEPER_S
 * seconds. One sweep at a time, in a child; it logs what it finds. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_SWEEPER_H
#define RUNNER_SUPERVISOR_SWEEPER_H

#include "base/loop.h"
#include "runner/supervisor/settings.h"

enum { SWEEPER_S = 3600 };

struct sweeper;
/* current: where the settings in force are found, each time. Never NULL. */
struct sweeper *sweeper_new(struct loop *l, struct settings *const *current);
/* Something was left just now: sweeps at once, or once more after the sweep that runs. */
void sweeper_hurry(struct sweeper *s);
void sweeper_free(struct sweeper *s); /* kills a running sweep, which harms nothing; NULL fine */

#endif
