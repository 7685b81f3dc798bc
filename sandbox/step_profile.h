/* The seccomp profile of steps as the configuration wants it: the built-in one, or a file's. */
#ifndef SANDBOX_STEP_PROFILE_H
#define SANDBOX_STEP_PROFILE_H

#include "config/runner_config.h"

struct step_profile {
	char *text;   /* the engine's JSON */
	char *doubts; /* NULL: verified; else the first thing that is wrong with it */
	char *beyond; /* verified, but it allows these calls too; NULL: none */
};
/* -1: unreadable, or it does not verify and engine.seccomp_unverified is not set. */
int step_profile_load(
	const struct runner_config *c, struct step_profile *ret, struct err *e) CHECK_RESULT;
void step_profile_release(struct step_profile *p);

#endif
