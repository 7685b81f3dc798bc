/* What the files behind objects.h and upload.h share. */
#ifndef COORDINATOR_OBJECT_PRIVATE_H
#define COORDINATOR_OBJECT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "coordinator/object/objects.h"
#include "coordinator/object/s3.h"

struct objects {
	struct files files; /* the objects; with a bucket those that were fetched */
	struct s3 *s3;      /* NULL: there is no bucket */
	char *data_dir;
	atomic_bool never_waits;
	pthread_mutex_t lock;
	/* a key that could not be fetched when it was asked for last, and why: it is missing or
	 * damaged, so that asking again would not help */
	char *refused;
	struct err why;
};

/* A file without a name, on the data folder's disk: nothing of it is left to others. */
int objects_spool(const struct objects *o, struct err *e) CHECK_RESULT;

#endif
