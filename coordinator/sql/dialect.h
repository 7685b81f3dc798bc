/*
 * The text of a statement as PostgreSQL takes it. Texts are written for both engines: what is left
 * to differ is the mark of a value (? or ?1, there $1) and `INDEXED BY name`, which only SQLite
 * has. Pure; nothing inside of quotes or comments changes.
 */
#ifndef COORDINATOR_SQL_DIALECT_H
#define COORDINATOR_SQL_DIALECT_H

#include "base/buf.h"

/* A ? without a number is the one after the highest so far, as SQLite counts. */
void dialect_postgres(const char *text, struct buf *out);
/* It changes rows: INSERT, UPDATE or DELETE, also behind a WITH. */
bool dialect_writes(const char *text);

#endif
