/*
 * A job's report on a terminal, for local runs: the other implementation of runner/report/report.h.
 * Headers, the steps' own bytes and results leave in the order they were reported; while a step
 * writes faster than the terminal reads, its bytes wait in the spool, so nothing ever blocks the
 * job. Step output is masked, like everywhere. Otherwise it passes as it is to a file or pipe, and
 * without what steers a terminal to one (base/terminal/text.h). Names are shown without control
 * characters everywhere.
 *
 * Job process only; one a process. Ignores SIGPIPE for the process: a reader that went away ends
 * the job instead.
 */
#ifndef RUNNER_REPORT_TERMINAL_H
#define RUNNER_REPORT_TERMINAL_H

#include "base/loop.h"
#include "runner/claim/job_spec.h"
#include "runner/report/report.h"
#include "base/terminal/style.h"

struct terminal_report_spec {
	struct loop *loop;
	const struct job_spec *job; /* names of steps; NULL: the claim could not be read */
	const char *state_dir;      /* keeps the job's outputs; NULL: it has none */
	int fd;                     /* where to write; stays the caller's */
	bool color;
	bool shared; /* other jobs write there too: whole lines with the job's name in front */
	void (*on_gone)(void *data); /* nobody reads any more; once */
	void *data;
};
struct report *terminal_report_new(const struct terminal_report_spec *spec);

#endif
