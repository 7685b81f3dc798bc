/*
 * A place of its own in the PostgreSQL server of SHITHUB_TEST_POSTGRES (deploy/local/postgres.sh):
 * each is a schema in its database. Every helper fails the test by itself, also when there is no
 * server.
 */
#ifndef TESTS_UNIT_HELP_POSTGRES_HELP_H
#define TESTS_UNIT_HELP_POSTGRES_HELP_H

#include "base/util.h"

/* Its address for store_open; the caller's. */
char *postgres_place_make(void);
void postgres_place_drop(const char *address);
/* The server's own address: of the database, whatever the schema; the caller's. */
char *postgres_server(void);
/* Runs statements, as the server's owner. */
void postgres_run(const char *text);

#endif
