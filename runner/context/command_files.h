/*
 * The files through which a step tells the runner something: SHITHUB_ENV, _OUTPUT, _STATE, _PATH
 * and _STEP_SUMMARY (docs/COMMANDS.md). Whatever stands in them was written by the step.
 *
 * The parsers are pure. They refuse what is larger than LIMIT_COMMAND_FILE (ERR_LIMIT), name the
 * file's variable and the line in their errors, never quote a value, and leave their results
 * untouched on failure. Texts come out as UTF-8 without NUL: bytes that are no characters become
 * U+FFFD, a NUL is an error.
 */
#ifndef RUNNER_CONTEXT_COMMAND_FILES_H
#define RUNNER_CONTEXT_COMMAND_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

enum command_file {
	COMMAND_FILE_ENV,
	COMMAND_FILE_OUTPUT,
	COMMAND_FILE_STATE,
	COMMAND_FILE_PATH,
	COMMAND_FILE_STEP_SUMMARY,
	COMMAND_FILES
};

/* "ENV": the variables are SHITHUB_ENV and GITHUB_ENV. */
const char *command_file_variable(enum command_file which);

/* ENV, OUTPUT, STATE: `NAME=value` and `NAME<<END` … `END` into ret, which may hold entries of
 * earlier steps; the last of a name wins, at most LIMIT_ENV_COUNT entries a file. ENV drops names
 * that are not a step's to set, with one line for the log each in notices, and refuses a value that
 * no process could be started with. */
int command_file_pairs(enum command_file which, const char *p, size_t n, struct pairs *ret,
	struct strv *notices, struct err *e) CHECK_RESULT;

/* PATH: a folder a line. ret holds them as PATH shall: the last line first, none twice. */
int command_file_paths(const char *p, size_t n, struct strv *ret, struct err *e) CHECK_RESULT;
/* What a later step's file brings stands before what was there; a folder moves, never doubles. */
void command_paths_prepend(struct strv *paths, const struct strv *first);

/* STEP_SUMMARY: appended to ret as UTF-8 without NUL. What exceeds ret->max (LIMIT_COMMAND_FILE for
 * the wire) is dropped at a character boundary; false: something was. Any n. */
bool command_file_summary(const char *p, size_t n, struct buf *ret);

/* Appends the file to buf, at most cap + 1 bytes of it: more than cap means that it is larger. Does
 * not follow links, opens nothing but a regular file and does not wait for one; an absent file
 * reads as empty. buf->max must allow it. */
int command_file_read(
	int dirfd, const char *name, size_t cap, struct buf *buf, struct err *e) CHECK_RESULT;

#endif
