/*
 * A container exactly as a step gets one (engine/step_box.h: same image, limits, profile, network)
 * that runs the probe program instead of a script. The program travels as the script does, so
 * nothing is mounted that a step would not have. One probing at a time; every wait is bounded.
 */
#ifndef NETWORK_CHECK_BOX_H
#define NETWORK_CHECK_BOX_H

#include "base/buf.h"
#include "engine/step_box.h"

struct check_box;

struct check_box_spec {
	struct loop *loop;
	struct engine *engine;
	const struct runner_config *config;
	const char *image, *gate_path, *seccomp_json;
	const char *instance; /* label value, one a check */
	const char *dir;      /* ours, 0711; holds a folder a box */
	struct slice program;
};

/* A label value for the checks of one kind and state directory: "network-check-0123…". */
char *check_box_label(const char *kind, const char *state_dir) CHECK_RESULT;
/* Removes containers with that label, which a check that was killed left; the caller holds a lock
 * that keeps others with the same label away. */
int check_box_sweep(struct engine *g, const char *label, struct err *e) CHECK_RESULT;

/* name: "a", "b": of the box's folder and containers. */
struct check_box *check_box_open(
	const struct check_box_spec *s, const char *name, struct err *e) CHECK_RESULT;
void check_box_close(struct check_box *b); /* NULL fine */
static inline void check_box_closep(struct check_box **b)
{
	check_box_close(*b);
	*b = NULL;
}
/* How it is reached: what engine.step_io = auto came to. */
enum step_io check_box_way(const struct check_box *b);
/* Runs the probes to their end; out gets what they said. */
int check_box_run(struct check_box *b, const struct strv *probes, struct buf *out,
	struct err *e) CHECK_RESULT;
/* The same, but returns with the first line; the program runs on until close. */
int check_box_serve(
	struct check_box *b, const char *probe, struct buf *out, struct err *e) CHECK_RESULT;

#endif
