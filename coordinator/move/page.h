/* Rows of a table, read a page at a time in the order of its key. */
#ifndef COORDINATOR_MOVE_PAGE_H
#define COORDINATOR_MOVE_PAGE_H

#include "coordinator/move/shape.h"
#include "coordinator/sql/value.h"

/* Where the next page begins; zeroed: at the start. */
struct page_place {
	struct sql_values key; /* of the row before, owned */
	bool behind;
};
void page_place_release(struct page_place *p);

/* row: the values of all columns, borrowed for the call. -1 ends the page. */
typedef int page_row_fn(void *data, const struct sql_values *row, struct err *e);
/* At most limit rows and about TEXT_PAGE_BYTES (text.h) behind the place, which moves; *ret: how
 * many, 0 at the end of the table. ERR_INPUT for a value that does not fit its column, by table,
 * key and column. */
int page_read(struct store *s, struct shape_table *t, struct page_place *at, int64_t limit,
	page_row_fn *fn, void *data, int64_t *ret, struct err *e) CHECK_RESULT;

#endif
