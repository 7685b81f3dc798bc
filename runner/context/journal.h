/*
 * What a job writes down about itself, so that another process can report it when this one dies
 * (state/journal.h). Nothing without a journal of the supervisor's. Job process.
 */
#ifndef RUNNER_CONTEXT_JOURNAL_H
#define RUNNER_CONTEXT_JOURNAL_H

#include "runner/claim/job_spec.h"
#include "runner/context/place.h"

void job_journal_started(const struct job_place *p, const struct job_spec *spec);
/* The first cause stays. */
void job_journal_cause(const struct job_place *p, const struct job_spec *spec, const char *cause);

#endif
