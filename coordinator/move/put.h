/* Rows into a table of the destination, as they are. In a transaction of the caller's. */
#ifndef COORDINATOR_MOVE_PUT_H
#define COORDINATOR_MOVE_PUT_H

#include "base/buf.h"
#include "coordinator/move/shape.h"
#include "coordinator/sql/value.h"

struct put {
	struct store *store;
	struct shape_table *table;
	struct buf rows; /* for PostgreSQL: of the page so far */
};
void put_begin(struct put *p, struct store *s, struct shape_table *t);
int put_row(struct put *p, const struct sql_values *row, struct err *e) CHECK_RESULT;
/* What was put is there, or was refused. */
int put_flush(struct put *p, struct err *e) CHECK_RESULT;
void put_end(struct put *p);

#endif
