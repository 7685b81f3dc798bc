/*
 * Where the store is, as `--store` says it:
 *
 *   sqlite:FOLDER   the file shithubd.db in an absolute folder
 *   postgres://USER@HOST:PORT/DATABASE?KEY=VALUE&…   whatever libpq takes (also postgresql://), and
 *       password_file=FILE   a file with the password alone, read at each connect; only its owner
 *                            may read it
 *
 * A password itself is refused: everybody on the machine sees command lines. libpq's own ways
 * (passfile=FILE, PGPASSFILE, ~/.pgpass) work as ever.
 */
#ifndef COORDINATOR_SQL_DSN_H
#define COORDINATOR_SQL_DSN_H

#include "base/err.h"

bool dsn_is_postgres(const char *store);

struct dsn {
	char *uri;           /* for libpq, without what is ours */
	char *password_file; /* NULL: none */
	char *where; /* for messages: "database NAME of USER at HOST:PORT", as far as given */
};
/* ERR_INPUT with the remedy, and without the text: there may be a password in it. */
int dsn_parse(const char *store, struct dsn *ret, struct err *e) CHECK_RESULT;
void dsn_release(struct dsn *d);

#endif
