/* The limit of open files against what a setting needs, so that a shortage is found at start. */
#ifndef CONFIG_DESCRIPTORS_H
#define CONFIG_DESCRIPTORS_H

#include <stdint.h>

#include "base/err.h"

/* Raises the soft limit towards what is needed, as far as the hard one allows; the limit then. */
uint64_t descriptors_raise(uint64_t needed);
/* ERR_CONFLICT when that does not suffice, with the setting ("runner.capacity", 8) in the text. */
int descriptors_require(
	uint64_t needed, const char *setting, int64_t value, struct err *e) CHECK_RESULT;

#endif
