/*
 * `shell:` of a step becomes a command line. Pure.
 *
 * bash, sh and python are known by name. Without one it is bash if the image has it, else sh, and
 * only -e is set: pipefail comes with `shell: bash`. Anything else is a command line with {0} where
 * the script's path goes; its words are separated by blanks, and quotes and backslashes mean what
 * they mean to a shell. Nothing is expanded.
 */
#ifndef RUNNER_STEP_SHELL_H
#define RUNNER_STEP_SHELL_H

#include "base/err.h"

/* shell NULL or "": none was given. *ret_file: the script's file name, static. ERR_INPUT names what
 * is wrong; ret is untouched then. */
int shell_read(
	const char *shell, struct strv *ret, const char **ret_file, struct err *e) CHECK_RESULT;

#endif
