/* One run with everything below it, as text for people and as JSON. Internal to the run verbs. */
#ifndef COORDINATOR_ADMIN_RUN_SHOW_H
#define COORDINATOR_ADMIN_RUN_SHOW_H

#include "coordinator/admin.h"

struct run_view {
	struct run_row run;
	char *repo; /* "owner/name" */
	struct job_list jobs;
	struct step_list *steps; /* one list per job */
	char **runners;          /* name per job, NULL: not claimed */
};
int run_view_load(struct store *s, int64_t id, struct run_view *ret, struct err *e) CHECK_RESULT;
void run_view_release(struct run_view *v);
int run_view_json(const struct run_view *v); /* exit codes */
int run_view_text(const struct run_view *v);

/* Members of a run, for the caller's open object; one line for lists. */
void run_write(struct json_writer *w, const struct run_row *r);
void run_print_line(const struct run_row *r);

#endif
