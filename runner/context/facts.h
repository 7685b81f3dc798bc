/*
 * The facts of a job for the one table of contexts (workflow/shithub.h): from its claim, the
 * machine and the step that is asked about. Job process.
 */
#ifndef RUNNER_CONTEXT_FACTS_H
#define RUNNER_CONTEXT_FACTS_H

#include "workflow/shithub.h"

struct job_spec;

#define NO_STEP SIZE_MAX

struct job_facts {
	struct shithub_facts of; /* borrows from the claim and from what follows */
	char *repository, *server, *action, *files;
	char host[256];
};
/* step: an index of the claim's steps, or NO_STEP. */
void job_facts_make(const struct job_spec *s, size_t step, struct job_facts *ret);
void job_facts_release(struct job_facts *f);

#endif
