/* What artifacts may take, and their end: the quotas' defaults and the removal of expired ones. */
#ifndef COORDINATOR_OBJECT_ARTIFACT_H
#define COORDINATOR_OBJECT_ARTIFACT_H

#include "base/limits.h"
#include "coordinator/app/app.h"
#include "coordinator/object/upload.h"

enum { ARTIFACT_DAYS = 30, ARTIFACT_DAYS_MAX = 90 };
#define ARTIFACT_BYTES ((int64_t)GIB(2))
#define ARTIFACT_RUN_BYTES ((int64_t)GIB(8))

/* a->artifacts with the defaults in place of zeros. */
struct artifact_limits artifact_limits(const struct app *a);
/* The row names the bytes, and the object is in its place. ERR_CONFLICT: it names others, or has
 * gone; they are not put over those that it names, whichever process put them. */
int artifact_publish(struct app *a, int64_t id, struct object_upload *u, const char *digest,
	struct err *e) CHECK_RESULT;
struct artifact_row;
/* Removes one that was seen expired, object first. It is fine when another process has done it, and
 * when another artifact has its name since. */
int artifact_end(struct app *a, const struct artifact_row *row, struct err *e) CHECK_RESULT;
/* Removes some of the expired ones, object before row, so that no object is ever forgotten. *ret_n:
 * how many; call again while that is ARTIFACT_PRUNE_MAX. */
enum { ARTIFACT_PRUNE_MAX = 50 };
int artifact_prune(struct app *a, struct wall now, int *ret_n, struct err *e) CHECK_RESULT;
/* The same from serve, which waits for no network: of a bucket it goes on beside the calls. */
int artifact_prune_begin(struct app *a, struct wall now, struct err *e) CHECK_RESULT;

#endif
