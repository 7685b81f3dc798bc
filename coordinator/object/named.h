/* Every object that a row of the store names, one after the other. */
#ifndef COORDINATOR_OBJECT_NAMED_H
#define COORDINATOR_OBJECT_NAMED_H

#include "base/clock.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/store.h"

struct object_named {
	const char *key;
	int64_t size;
	const char *digest;     /* NULL: not known */
	int64_t artifact_id;    /* 0: a log */
	struct wall created_at; /* of the artifact */
};
/* fn's -1 ends the walk and is returned. Rows that come or go meanwhile may be left out. */
int object_each_named(struct store *s, const struct objects *objects,
	int (*fn)(void *data, const struct object_named *o, struct err *e), void *data,
	struct err *e) CHECK_RESULT;

#endif
