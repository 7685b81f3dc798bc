/*
 * The command files of a step: SHITHUB_ENV, _OUTPUT, _STATE, _PATH and _STEP_SUMMARY (and their
 * GITHUB_ twins), fresh for each step, and the event's file. They stand in <job folder>/files,
 * which every box of the job sees as /shithub/files; the step can write the five files of its own
 * and nothing else there. Format: runner/context/command_files.h. Job process.
 */
#ifndef RUNNER_CONTEXT_FILES_H
#define RUNNER_CONTEXT_FILES_H

#include "runner/context/job.h"

/* Once a job, before its first box: the folder with event.json, and the empty folder of tools
 * (step/tools.h). */
int step_files_setup(
	struct job_place *p, const struct json_value *event, struct err *e) CHECK_RESULT;
/* Before a step: its five empty files, where workflow/shithub.h names them. */
int step_files_make(const struct job_place *p, size_t index, struct err *e) CHECK_RESULT;
/* After the running step: takes over what it wrote, tells notices in its log, removes the files. */
int step_files_take(struct job *j, struct err *e) CHECK_RESULT;

#endif
