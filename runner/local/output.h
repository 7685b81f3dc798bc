/*
 * What a job of a local run says while others run beside it, kept until it is over, so that it can
 * be shown in one piece. A file without a name: it goes with the processes.
 */
#ifndef RUNNER_LOCAL_OUTPUT_H
#define RUNNER_LOCAL_OUTPUT_H

#include "base/err.h"

/* For the job process to write; in the folder dir. */
int local_output_open(const char *dir, struct err *e) CHECK_RESULT;
/* Copies it to standard output and closes it; -1 is fine. */
void local_output_show(int *fd);

#endif
