/*
 * Step boxes against a real engine, for the tests of all their sides: one engine, workspace and
 * control folder a program, one job a case, cases once per transport (gate, attach).
 *
 * Needs $SHITHUB_TEST_ENGINE (socket) and $SHITHUB_TEST_IMAGE (bash and coreutils); without them a
 * test fails. $SHITHUB_TEST_NETWORK names a network of that engine (default: none); the gate is
 * taken from $SHITHUB_TEST_GATE or from beside the test programs.
 */
#ifndef TESTS_UNIT_HELP_BOX_WORLD_H
#define TESTS_UNIT_HELP_BOX_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>

#include "engine/step_box.h"

struct box_world {
	struct loop *loop;
	struct http *http;
	struct engine *engine;
	char root[PATH_MAX], gate[PATH_MAX];
	char *workspace, *control;
	struct runner_config config;
	struct box_job *job;
};

struct run {
	struct buf out;
	uint64_t bytes;
	bool done;
	struct step_result result;
	struct step_box *box;
	const char *poke; /* when the output first contains this, do the next */
	void (*on_poke)(struct run *r);
	bool poked;
	struct mono exit_at;
};

extern struct box_world w;

/* The group's setup and teardown; teardown asserts that no container and no folder stayed. */
int box_world_open(void **state);
int box_world_close(void **state);
const char *box_world_need(const char *variable);
void box_world_limits(void); /* the default limits again */

struct box_job_spec box_world_job_spec(void);
/* Setups of a case, all with job_close. */
int open_gate(void **state);
int open_gate_job(void **state);
int open_attach(void **state);
int job_close(void **state);

void on_output(void *data, const char *p, size_t n);
void on_exit_status(void *data, const struct step_result *result);
/* env NULL: HOME alone; cwd NULL: the workspace. */
void run_start(struct run *r, const char *script, const struct strv *env, const char *cwd);
void run_wait(struct run *r);
void run_script(struct run *r, const char *script); /* both */
void run_release(struct run *r);

/* Adds the cases for one transport; returns how many. state: NULL for the gate, else its name. */
struct box_case {
	const char *name;
	CMUnitTestFunction fn;
};
int box_cases_add(struct CMUnitTest *t, const char *transport, CMFixtureFunction setup, void *state,
	const struct box_case *cases, size_t n);

#endif
