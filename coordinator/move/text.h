/* The statements that read and write the rows of a table, made of its shape. Pure. */
#ifndef COORDINATOR_MOVE_TEXT_H
#define COORDINATOR_MOVE_TEXT_H

#include "coordinator/move/shape.h"

#define TEXT_PAGE_BYTES 4194304 /* of texts and bytes; one row more may come */

/*
 * first: (limit), next: (the key's columns, limit): rows in the order of the key, by bytes whatever
 * the collation. PostgreSQL gives a result as a whole, so there the statement itself stops behind
 * TEXT_PAGE_BYTES.
 * put: SQLite: an INSERT of one row; PostgreSQL: COPY.
 */
const struct shape_texts *text_of(struct shape_table *t, bool postgres);

#endif
