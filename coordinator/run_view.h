/* One run with everything below it, and its JSON: what `admin run show --output json` and the API
 * give alike. */
#ifndef COORDINATOR_RUN_VIEW_H
#define COORDINATOR_RUN_VIEW_H

#include "base/json.h"
#include "coordinator/store.h"

struct run_view {
	struct run_row run;
	char *repo; /* "owner/name" */
	struct job_list jobs;
	struct step_list *steps; /* one list per job */
	char **runners;          /* name per job, NULL: not claimed */
};
int run_view_load(struct store *s, int64_t id, struct run_view *ret, struct err *e) CHECK_RESULT;
void run_view_release(struct run_view *v);
void run_view_write(struct json_writer *w, const struct run_view *v); /* an object */
/* Members of a run, for the caller's open object. */
void run_write(struct json_writer *w, const struct run_row *r);

#endif
