/*
 * What is reported of a job outside its steps: the job's statuses, steps that do not run, a
 * claim that cannot be read; and the wait until all of it has arrived. Job process.
 */
#ifndef RUNNER_JOB_REPORTING_H
#define RUNNER_JOB_REPORTING_H

#include "runner/claim/identity.h"
#include "runner/context/job.h"

/* The coordinator's session, or in a local run the terminal. token NULL only there. */
struct report *reporting_open(struct job *j, int64_t job_id, const char *token);
void reporting_job(struct job_reports *out, enum outcome o, struct wall start);
void reporting_skip_steps(struct report *r, const struct job_spec *spec, size_t from);
/* The platform failed before the first step could run: its reason is the first step's log. */
void reporting_fail_before_steps(struct job *j, const struct err *why);
/* Why a job ended before its first step could run. */
void reporting_explain(struct job *j, const char *why);
/* A claim that cannot be a job, but says whose it is: reported, so that nobody waits for it. */
void reporting_malformed(struct job *j, const struct claim_identity *id, const struct err *why);
/* Waits until everything was delivered or given up. */
void reporting_deliver(struct job *j);

#endif
