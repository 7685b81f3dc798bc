/* The small programs that stand beside ours: the gate, the probe. */
#ifndef RUNNER_HELPER_PROGRAM_H
#define RUNNER_HELPER_PROGRAM_H

#include "base/err.h"

/* configured, when not NULL; else beside this program as built, else where `make install` puts it.
 */
char *helper_program(const char *configured, const char *name, struct err *e) CHECK_RESULT;

#endif
