/* The digest of a table: SHA-256 over its rows in the order of its key, the same whichever database
 * has them. */
#ifndef COORDINATOR_MOVE_DIGEST_H
#define COORDINATOR_MOVE_DIGEST_H

#include "base/codec.h"
#include "coordinator/move/page.h"

struct digest {
	struct sha256_stream *stream;
	int64_t rows;
};
void digest_begin(struct digest *d);
void digest_row(struct digest *d, const struct sql_values *row);
/* Hex. */
void digest_end(struct digest *d, char out[SHA256_HEX_MAX]);

/* The first `rows` rows; fewer when the table ends. The place is behind them. */
int digest_read(struct store *s, struct shape_table *t, int64_t rows, int64_t page,
	struct page_place *at, struct digest *d, struct err *e) CHECK_RESULT;

#endif
