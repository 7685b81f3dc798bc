/* The root key of serve: the one whose keys sealed what the store holds. */
#ifndef COORDINATOR_SERVE_ROOT_KEY_H
#define COORDINATOR_SERVE_ROOT_KEY_H

#include "coordinator/app/app.h"
#include "coordinator/serve/config.h"

/* Loads a->keys and leaves their id in the data folder. The first serve of a store may make the key
 * and says its print there; ERR_CONFLICT for another key than that, or for none. a->store is open.
 */
int root_key_begin(struct app *a, const struct serve_config *c, struct err *e) CHECK_RESULT;

/* For a verb that seals into the store: the keys of the data folder or of the environment, which
 * must be the store's, where a serve said its print there. */
int root_key_load(
	struct keys *k, struct store *s, const char *data_dir, struct err *e) CHECK_RESULT;

#endif
