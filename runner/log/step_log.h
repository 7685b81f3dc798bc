/*
 * One step's log path: bytes from the box → commands → masker → limit → spool →
 * report. Bytes, never lines; never blocks the step: past the limit what the step writes is dropped
 * after one marker line, commands in it still count, and a little of the runner's own words goes
 * out. Runs in the job process, one at a time per job.
 */
#ifndef RUNNER_LOG_STEP_LOG_H
#define RUNNER_LOG_STEP_LOG_H

#include "workflow/command/commands.h"
#include "base/mask/mask.h"
#include "runner/report/report.h"

struct step_log {
	struct commands commands; /* only of what the step wrote itself */
	struct mask *mask;        /* the job's; shared, flushed at each step's end */
	struct report *report;    /* NULL: bytes stay in the spool */
	struct spool spool;
	uint64_t limit;
	size_t own;  /* bytes of our own past the limit */
	int cramped; /* errno: the disk takes no more, memory a little */
	bool truncated, failed;
	char tail[8]; /* an unfinished character near the limit */
	size_t tail_len;
	char last; /* last byte that went out, for whole lines of our own */
};

/* Opens `dir/step-<n>.log`, without a folder (NULL) memory, and starts streaming it as the log of
 * step_id. */
int step_log_open(struct step_log *l, const char *dir, int64_t n, struct mask *mask,
	struct report *report, int64_t step_id, uint64_t limit, struct err *e) CHECK_RESULT;
/* What the step wrote. Commands in it go to on_command, if one was set. */
void step_log_on_command(struct step_log *l, command_fn on_command, void *data);
void step_log_bytes(struct step_log *l, const char *p, size_t n);
/* A line of the runner's own (masked too, never a command); a newline is added, and one before it
 * if needed. */
void step_log_line(struct step_log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A text as a group of lines under a title, part of what the limit counts; nothing when empty. */
void step_log_section(struct step_log *l, const char *title, struct slice text);
/* The step has written its last byte: what the masker held back of it is flushed, so that the
 * masker may read other texts meanwhile. Own lines may follow. */
void step_log_output_end(struct step_log *l);
void step_log_close(struct step_log *l);   /* end of stream: flushes what the masker held back */
void step_log_release(struct step_log *l); /* after the report is idle */

#endif
