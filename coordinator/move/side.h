/* One of the two stores of a copy: found, locked against any serve, opened. */
#ifndef COORDINATOR_MOVE_SIDE_H
#define COORDINATOR_MOVE_SIDE_H

#include "coordinator/store/store.h"

struct side {
	struct store *store;
	int lock; /* of the folder of a file */
};
#define SIDE_INIT          \
	{                  \
		.lock = -1 \
	}
void side_close(struct side *d);

/* text: as --from and --to have it. ERR_CONFLICT: a serve uses it, or its schema is not this
 * program's. */
int side_open_source(struct side *ret, const char *text, struct err *e) CHECK_RESULT;
/* As it is now, until it is closed, while others use it and write. PostgreSQL alone. */
int side_open_snapshot(struct side *ret, const char *text, struct err *e) CHECK_RESULT;
/* Made where there is none yet. */
int side_open_destination(struct side *ret, const char *text, struct err *e) CHECK_RESULT;

#endif
