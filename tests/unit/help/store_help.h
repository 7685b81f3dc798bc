/*
 * The store of a test's data folder: SQLite's file in it, or with SHITHUB_TEST_STORE=postgres a
 * place of its own in PostgreSQL (postgres_help.h), noted in the folder as `serve` notes it. Every
 * helper fails the test by itself.
 */
#ifndef TESTS_UNIT_HELP_STORE_HELP_H
#define TESTS_UNIT_HELP_STORE_HELP_H

#include "coordinator/store/store.h"

bool test_store_is_postgres(void);
/* One more connection, with the schema; the first of a folder makes the store. */
struct store *test_store_open(const char *data_dir);
/* When all connections are closed; a folder without a store is fine. */
void test_store_drop(const char *data_dir);

#endif
