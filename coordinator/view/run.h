/* One run with everything below it, and its JSON: what `admin run show --output json` and the API
 * give alike. */
#ifndef COORDINATOR_VIEW_RUN_H
#define COORDINATOR_VIEW_RUN_H

#include "base/json.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"
#include "coordinator/store/step.h"

struct run_view {
	struct run_row run;
	char *repo; /* "owner/name" */
	struct job_list jobs;
	struct job_steps *steps;            /* one list per job */
	char **runners;                     /* name per job, NULL: not claimed */
	struct annotation_list annotations; /* of all jobs */
	struct annotation_counts counts, *job_counts;
};
int run_view_load(struct store *s, int64_t id, struct run_view *ret, struct err *e) CHECK_RESULT;
void run_view_release(struct run_view *v);
void run_view_write(struct json_writer *w, const struct run_view *v); /* an object */
/* Members of a run, for the caller's open object. */
void run_write(struct json_writer *w, const struct run_row *r);

#endif
