/* A store and a repository with a work tree, for what a push starts. */
#ifndef TESTS_UNIT_HELP_TRIGGER_HELP_H
#define TESTS_UNIT_HELP_TRIGGER_HELP_H

#include "coordinator/store/run.h"
#include "coordinator/trigger/trigger.h"
#include "tests/unit/help/git_tool.h"

#define ZERO "0000000000000000000000000000000000000000"

struct trigger_world {
	struct git_tool *g;
	struct store *store;
	struct repo_row row;
	char *bare, *work;
	struct trigger t;
};

int trigger_world_open(void **state);
int trigger_world_close(void **state);
/* Commits, pushes HEAD to ref, tells the trigger; the number of runs. */
size_t trigger_world_push(
	struct trigger_world *f, const char *before, const char *ref, const char *message);
void trigger_world_newest(struct trigger_world *f, struct run_row *ret);

#endif
