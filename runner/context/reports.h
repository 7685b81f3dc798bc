/*
 * Whom a job tells what: its reader (coordinator or terminal) through the masker, its supervisor
 * through the channel. Job process.
 */
#ifndef RUNNER_CONTEXT_REPORTS_H
#define RUNNER_CONTEXT_REPORTS_H

#include "runner/ipc/heartbeat.h"
#include "runner/ipc/progress.h"
#include "base/mask/mask.h"
#include "runner/report/report.h"

struct job_reports {
	int channel;           /* to the supervisor */
	struct report *report; /* to the reader */
	struct mask *mask;     /* before anything reaches the reader */
	struct progress_sender *progress;
	struct job_heartbeat *heartbeat;
	bool undelivered; /* what is not reported stays on disk for the next start */
	bool hand_back;   /* the machine is at fault, so another runner may try the job */
};

/* The machine could not run the job: its last status asks the coordinator to queue it again, and
 * the supervisor claims nothing until a probe passes. Only before a step's program was started. */
void job_reports_platform(struct job_reports *r, const struct err *why);
/* Tells the supervisor how the job ended; after that only heartbeats are sent to it. */
void job_reports_end(struct job_reports *r, const char *conclusion);
void job_reports_release(struct job_reports *r);

#endif
