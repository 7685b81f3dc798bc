/*
 * A connection to PostgreSQL: made, set up and, once lost, made again; commands go in batches of
 * one round trip (libpq's pipeline). For one thread. Nothing here knows of statements or locks.
 *
 * Errors: ERR_CONFLICT for a broken uniqueness, ERR_TIMEOUT for a lock or a statement that took too
 * long, ERR_NET while there is no connection or no server that takes changes, ERR_INPUT for what an
 * operator has to mend (ERR_NOT_FOUND, ERR_IO: the password's file), else ERR_INTERNAL; always with
 * the database's words on one line. Once a link has served, what an operator has to mend is
 * ERR_NET, too: whoever asked comes again later, and loses nothing.
 */
#ifndef COORDINATOR_SQL_LINK_H
#define COORDINATOR_SQL_LINK_H

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/err.h"
#include "coordinator/sql/dsn.h"
#include "coordinator/sql/value.h"

enum { LINK_BATCH_MAX = 8, LINK_SERVER_MIN = 130000 };
#define STATEMENT_TIMEOUT "'30s'" /* well below the WatchdogSec= of serve's unit */
#define IDLE_TIMEOUT "'10s'"      /* in a transaction, between two statements */

enum link_keeps { LINK_FREE, LINK_SHARED, LINK_ALONE };

struct link {
	PGconn *conn; /* NULL: none */
	struct dsn dsn;
	unsigned generation; /* of the connection: what was prepared in another is gone */
	int64_t lock_key;    /* of the schema that the connection works in */
	bool served;         /* its schema was made ready */
	bool sync_later;
	enum link_keeps keeps;  /* link_keep: for a connection made anew, too */
	size_t queued;          /* commands of the batch that is being put together */
	struct mono refused_at; /* us 0: the last connect succeeded */
	struct err refused;     /* why it did not */
	struct err last;        /* the last error */
};

/* Connects, if there is no connection. Within a second after a failure: that failure again. */
int link_up(struct link *l, struct err *e) CHECK_RESULT;
bool link_lost(const struct link *l);
/* The schema is shared with others who say so, or this connection's alone, until it is closed; one
 * that is made anew takes it again before it is up. ERR_NET: others still have it after a few
 * seconds. */
int link_keep(struct link *l, enum link_keeps how, struct err *e) CHECK_RESULT;
void link_release(struct link *l);

/* ---- a batch: commands are queued, then all sent; they end with the first that fails ---- */

void link_text(struct link *l, const char *text);
void link_prepare(struct link *l, const char *name, const char *text, size_t n, const Oid *types);
void link_describe(struct link *l, const char *name);
void link_execute(struct link *l, const char *name, const struct sql_values *v);
/* Sends without waiting for the results. */
int link_send(struct link *l, struct err *e) CHECK_RESULT;
/* Waits so long for something to read: 1 results are there, 0 not yet, -1. */
int link_wait(struct link *l, int64_t us, struct err *e) CHECK_RESULT;
/* The results of the batch, ret[i] of its command i: the caller's, also when one failed. */
int link_results(struct link *l, PGresult *ret[LINK_BATCH_MAX], struct err *e) CHECK_RESULT;
/* Sends, waits and drops what comes. */
int link_flush(struct link *l, struct err *e) CHECK_RESULT;
void link_cancel(struct link *l); /* what the server is at; its results still come */

/* Several statements in one text, without values. */
int link_script(struct link *l, const char *text, struct err *e) CHECK_RESULT;

/* Of every table of the schema: ENABLE or DISABLE what is no reference. Only their owner may. */
#define LINK_TRIGGERS(how)                                                                      \
	"DO $$ DECLARE t regclass; BEGIN FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r'" \
	" AND relnamespace = current_schema()::regnamespace LOOP"                               \
	" EXECUTE format('ALTER TABLE %s " how " TRIGGER USER', t); END LOOP; END $$"
/* COPY … FROM STDIN, in text; what is wrong with a row is said with the row's values. */
int link_copy_in(struct link *l, const char *text, struct slice rows, struct err *e) CHECK_RESULT;

#endif
