/*
 * When each job of a run waited and worked, as bars over the time of the run: what took long, and
 * what the others waited for. The bars are a picture beside texts that say the same.
 */
#ifndef COORDINATOR_PAGES_TIMELINE_H
#define COORDINATOR_PAGES_TIMELINE_H

#include "coordinator/pages/html.h"
#include "coordinator/store/job.h"

/* Nothing where fewer than two jobs have begun. run_url: of the jobs' pages. */
void html_timeline(struct html *h, const struct job_list *jobs, const char *run_url);

#endif
