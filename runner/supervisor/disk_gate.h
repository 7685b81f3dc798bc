/*
 * Is there room for another job? Asked before each heartbeat, as any of them may be answered with
 * a job; inspects the file systems of workspace_root and state_dir (two system calls, at most once
 * a second, and every DISK_GATE_S by itself).
 *
 *   at disk.high_water         the disk guard runs in a child first, at most once in GUARD_PAUSE_S
 *   less than disk.min_free    closed until there is more: better no job than one that loses its
 *                              log, and running ones keep what is left
 *
 * Logs disk_pressure once per change. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_DISK_GATE_H
#define RUNNER_SUPERVISOR_DISK_GATE_H

#include "base/loop.h"
#include "runner/supervisor/settings.h"

enum { DISK_GATE_S = 5 };

struct disk_gate_spec {
	struct loop *loop;
	struct settings *const *current; /* where those in force are found, each time */
	int64_t guard_us;                /* patience with a disk guard; 0: half an hour */
	void (*on_change)(void *data);   /* the answer may have changed */
	void *data;
};
struct disk_gate_view {
	bool pressure;     /* closed because space is low */
	struct wall since; /* since when, with pressure */
	unsigned percent;  /* of the fuller one */
	const char
		*root; /* which; a folder of ours on it, of the settings in force; NULL: unknown */
	uint64_t guards; /* how often the guard ran */
};

struct disk_gate;
struct disk_gate *disk_gate_new(const struct disk_gate_spec *spec); /* never NULL */
void disk_gate_free(struct disk_gate *g); /* kills a running guard, which harms nothing */
/* May a job come now? No: on_change will be called. May start the guard. */
bool disk_gate_open(struct disk_gate *g);
/* Is there less than disk.min_free at this instant? What a claim that came is asked. */
bool disk_gate_is_short(struct disk_gate *g);
struct disk_gate_view disk_gate_state(const struct disk_gate *g);

#endif
