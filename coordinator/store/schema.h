/* The schema of the file, and its version. Private to this folder, but for the version. */
#ifndef COORDINATOR_STORE_SCHEMA_H
#define COORDINATOR_STORE_SCHEMA_H

#include "coordinator/store/store.h"

/* Brings the file to this program's schema; one that is newer is ERR_CONFLICT. */
int schema_migrate(struct store *s, struct err *e) CHECK_RESULT;
/* The SQL of one migration, from 1; NULL beyond the last: tests make old files with it. */
const char *schema_step(size_t number);
/* The step that follows *n in this store, whose number *n becomes; NULL: none does. */
const char *store_schema_next(const struct store *s, int64_t *n);
int64_t store_schema_newest(void);             /* this program's */
int64_t store_schema_version(struct store *s); /* -1: the store does not answer */

#endif
