/* Open files of the supervisor against its capacity. Supervisor only. */
#ifndef RUNNER_SUPERVISOR_DESCRIPTORS_H
#define RUNNER_SUPERVISOR_DESCRIPTORS_H

#include <stdint.h>

#include "base/err.h"

/* As descriptors_require (config/descriptors.h). */
int descriptors_for_capacity(int64_t capacity, struct err *e) CHECK_RESULT;

#endif
