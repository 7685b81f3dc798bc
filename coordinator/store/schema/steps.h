/*
 * The schema as numbered steps, texts alone; coordinator/store/schema.c runs them. A step is never
 * changed once released: the next one alters what it made. PostgreSQL begins where SQLite was when
 * it came, with one step for all of those before, so that one number says the same of both. Later
 * steps are written once for both where that is possible (both.h).
 *
 * While serves of a database are brought to a newer program one after the other, the older ones
 * still run for some seconds over the newer schema: a step adds tables, indexes and columns that
 * may be left out, and takes away or renames nothing that the release before asks for.
 *
 * Times are microseconds since 1970. Lists and maps are JSON text. `ready` says that all needs of a
 * job succeeded, so that the claim finds the oldest job of a label with one index look-up however
 * many jobs wait for other labels.
 */
#ifndef COORDINATOR_STORE_SCHEMA_STEPS_H
#define COORDINATOR_STORE_SCHEMA_STEPS_H

enum { SCHEMA_NEWEST = 52, SCHEMA_POSTGRES_FIRST = 44 };

extern const char *const schema_sqlite[SCHEMA_NEWEST]; /* [0] is step 1 */
/* [0] is step SCHEMA_POSTGRES_FIRST, for a database that has nothing yet. */
extern const char *const schema_postgres[SCHEMA_NEWEST - SCHEMA_POSTGRES_FIRST + 1];

#endif
