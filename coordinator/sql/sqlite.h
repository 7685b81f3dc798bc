/*
 * SQLite as an engine: one file in WAL mode, several processes at a time. store.db is a sqlite3,
 * statement.st a sqlite3_stmt.
 */
#ifndef COORDINATOR_SQL_SQLITE_H
#define COORDINATOR_SQL_SQLITE_H

#include "coordinator/sql/engine.h"

extern const struct sql_engine sqlite_engine;

#endif
