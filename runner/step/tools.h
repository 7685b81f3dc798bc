/*
 * What an action provides to later steps: commands in a folder that every box sees as
 * /shithub/tools, mounted read-only. Each use of an action gets a fresh folder there. Job process.
 */
#ifndef RUNNER_STEP_TOOLS_H
#define RUNNER_STEP_TOOLS_H

#include "runner/context/place.h"

/* Makes <tools>/<step>/<below>/bin; step: index of the running step. A descriptor of it.
 * *ret_inside: the box's path of its parent, the caller's. */
int tools_make(const struct job_place *p, size_t step, const char *below, char **ret_inside,
	struct err *e) CHECK_RESULT;
int tools_add_link(int dir, const char *name, const char *target, struct err *e) CHECK_RESULT;
int tools_add_script(int dir, const char *name, const char *text, struct err *e) CHECK_RESULT;

#endif
