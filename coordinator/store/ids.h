/* Numbers of rows, where they are needed before the row: the two databases keep them in places of
 * their own. */
#ifndef COORDINATOR_STORE_IDS_H
#define COORDINATOR_STORE_IDS_H

#include "coordinator/store/store.h"

/* The number of the run that this transaction makes next. Nobody else gets it. */
int store_run_id_next(struct store *s, int64_t *ret, struct err *e) CHECK_RESULT;
/* From now on the numbers of each table begin by n later. */
int store_ids_skip(struct store *s, int64_t n, struct err *e) CHECK_RESULT;

#endif
