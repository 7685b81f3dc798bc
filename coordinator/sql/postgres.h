/*
 * PostgreSQL (13 or newer) as an engine. The semantics are those of SQLite (sqlite.h):
 *
 * One writer at a time: whatever writes holds an advisory lock of the schema from its BEGIN on, as
 * BEGIN IMMEDIATE does there. It is waited for in slices, so that patience and stopping work.
 * A statement that fails inside a transaction takes nothing else with it: each that writes runs
 * between a savepoint and its release, in one round trip with them. One that only reads does not:
 * when it fails, so does the transaction.
 * A lost connection takes what was not committed with it: the transaction's statements and its
 * commit fail. With the next one there is a new connection.
 */
#ifndef COORDINATOR_SQL_POSTGRES_H
#define COORDINATOR_SQL_POSTGRES_H

#include "coordinator/sql/engine.h"

extern const struct sql_engine postgres_engine;

#endif
