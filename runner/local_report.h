/*
 * A job's report on a terminal, for local runs: the other implementation of runner/report.h.
 * Headers, the steps' own bytes and results leave in the order they were reported; while a step
 * writes faster than the terminal reads, its bytes wait in the spool, so nothing ever blocks the
 * job. Step output is passed through as it is (masked, like everywhere).
 *
 * Job process only; one a process. Ignores SIGPIPE for the process: a reader that went away ends
 * the job instead.
 */
#ifndef RUNNER_LOCAL_REPORT_H
#define RUNNER_LOCAL_REPORT_H

#include "base/loop.h"
#include "runner/job_spec.h"
#include "runner/report.h"

struct local_report_spec {
	struct loop *loop;
	const struct job_spec *job; /* names of steps; NULL: the claim could not be read */
	int fd;                     /* where to write; stays the caller's */
	bool color;
	void (*on_gone)(void *data); /* nobody reads any more; once */
	void *data;
};
struct report *local_report_new(const struct local_report_spec *spec);

/* Whether fd is a terminal that wants colours (NO_COLOR and TERM=dumb say no). */
bool local_color(int fd);
/* What a step is called: its name, or what it does. The caller frees it. */
char *local_step_name(const char *name, const char *run, const char *uses) CHECK_RESULT;
/* "✓" and its like with the colour of that conclusion. */
struct local_mark {
	const char *sign, *color; /* color: an escape sequence */
};
struct local_mark local_mark(const char *conclusion);
#define LOCAL_COLOR_OFF "\033[0m"
#define LOCAL_COLOR_BOLD "\033[1m"

#endif
