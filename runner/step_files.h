/*
 * The command files of a step: SHITHUB_ENV, _OUTPUT, _STATE, _PATH and _STEP_SUMMARY (and their
 * GITHUB_ twins), fresh for each step, and the event's file. They stand in <job folder>/files,
 * which every box of the job sees as /shithub/files; the step can write the five files of its own
 * and nothing else there. Format: runner/command_files.h. Job process.
 */
#ifndef RUNNER_STEP_FILES_H
#define RUNNER_STEP_FILES_H

#include "runner/job.h"

/* Once a job: the folder and event.json. */
int step_files_setup(struct job *j, struct err *e) CHECK_RESULT;
/* Before a step: its five empty files; adds the variables that name them. */
int step_files_make(struct job *j, size_t index, struct pairs *env, struct err *e) CHECK_RESULT;
/* After it: takes over what it wrote, tells notices in its log, removes the files. */
int step_files_take(struct job *j, size_t index, struct err *e) CHECK_RESULT;

/* An output of the running step, from a file or a command; refused past LIMIT_COMMAND_FILE in all.
 */
int step_output_set(struct job *j, const char *key, struct slice value, struct err *e) CHECK_RESULT;

#endif
