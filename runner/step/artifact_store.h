/*
 * Where the artifacts of a run are kept: at the coordinator, which hands out signed URLs, or for a
 * local run in a folder of its state directory, one packed file a name
 * (runner/step/local_artifacts.h). Everything waits on the loop like the movements of
 * artifact_move.h. Job process.
 */
#ifndef RUNNER_STEP_ARTIFACT_STORE_H
#define RUNNER_STEP_ARTIFACT_STORE_H

#include "runner/step/artifact_move.h"
#include "runner/step/local_artifacts.h"

struct artifact_offer {
	char *name, *url, *digest; /* url, digest: NULL in a local run */
	uint64_t size;
};
struct artifact_offers {
	struct artifact_offer *v;
	size_t n;
	int64_t next; /* page; 0: the last one */
};
void artifact_offers_release(struct artifact_offers *o);

/* Whether an artifact can have this name; the error begins with who. */
int artifact_store_check_name(const char *who, const char *name, struct err *e) CHECK_RESULT;
/* Keeps what m has packed. days 0: as long as the coordinator likes. *ret_id is the caller's. */
int artifact_store_keep(struct artifact_move *m, const char *name, int64_t days, bool overwrite,
	char **ret_id, struct err *e) CHECK_RESULT;
/* The run's artifacts, of this name or (NULL) all. */
int artifact_store_list(struct artifact_move *m, const char *name, struct artifact_offers *ret,
	struct err *e) CHECK_RESULT;
/* Into m's spool, checked: then it can be unpacked. */
int artifact_store_fetch(
	struct artifact_move *m, const struct artifact_offer *o, struct err *e) CHECK_RESULT;

#endif
