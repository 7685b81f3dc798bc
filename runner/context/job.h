/*
 * The state of one claimed job, from its claim to its final status. The main path (job/job.c) owns
 * it; steps and contexts read and change their parts of it. What needs only a part is given only
 * that part. Each part has an init and a release of its own, in its header. Job process: it holds
 * the job token and no capability, and ends with its job.
 */
#ifndef RUNNER_CONTEXT_JOB_H
#define RUNNER_CONTEXT_JOB_H

#include "checkout/checkout.h"
#include "config/runner_config.h"
#include "engine/step_box.h"
#include "runner/claim/job_spec.h"
#include "runner/context/cause.h"
#include "runner/context/contexts.h"
#include "runner/context/current_step.h"
#include "runner/context/image.h"
#include "runner/context/place.h"
#include "runner/context/reports.h"
#include "runner/context/step_run.h"

struct job {
	struct loop *loop;
	struct http *http;
	struct runner_config *config; /* ours: step_io is resolved in job_setup */
	struct job_spec *spec;        /* NULL: the claim could not be read */
	struct job_place place;
	struct job_reports out;
	struct job_engine engine;
	struct job_values values;
	struct job_state state;
	struct job_timers timers;
	struct step_run *runs; /* one for each of spec->steps */
	struct current_step step;
};

/* Logs the reason into the running step and says what that makes of the step. An interrupt goes
 * before the reason. */
enum outcome step_fails(struct job *j, const struct err *e);

#endif
