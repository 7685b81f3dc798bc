/* The last number that a table gave to a row: whoever remembers it must not meet another row. */
#ifndef COORDINATOR_MOVE_COUNTER_H
#define COORDINATOR_MOVE_COUNTER_H

#include "coordinator/move/shape.h"

bool counter_has(const struct store *s, const struct shape_table *t);
/* 0: none was given. */
int counter_get(
	struct store *s, const struct shape_table *t, int64_t *ret, struct err *e) CHECK_RESULT;
int counter_set(
	struct store *s, const struct shape_table *t, int64_t last, struct err *e) CHECK_RESULT;

#endif
