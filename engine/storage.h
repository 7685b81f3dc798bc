/*
 * What takes room in an engine, and giving some of it back. Looking is GET alone. Giving back is
 * three calls, each as narrow as the engine has it; nothing else of the engine's clean-ups is here:
 * the calls that take all images, containers, networks or volumes at once have no place in this
 * program.
 *
 * Each call has a deadline of its own and is written down, whatever became of it: its expiry is
 * data (returncode 124, as of timeout(1)), not an accident. Blocks on the loop.
 */
#ifndef ENGINE_STORAGE_H
#define ENGINE_STORAGE_H

#include "base/json.h"
#include "engine/engine.h"

enum {
	STORAGE_RC_FAILED = 1,
	STORAGE_RC_TIMED_OUT = 124,
	STORAGE_OUTPUT_MAX = 4 << 10,
};

struct storage_call {
	char *call;     /* "GET /system/df" */
	long status;    /* HTTP; 0: no answer */
	int returncode; /* 0 fine, 1 refused or broken, 124 deadline */
	char *output;   /* the beginning of the answer, also of one that was cut off */
	char *error;    /* NULL: fine */
	int64_t took_us;
};
void storage_call_release(struct storage_call *c);

enum storage_question {
	STORAGE_USAGE,
	STORAGE_IMAGES,
	STORAGE_CONTAINERS,
	STORAGE_VOLUMES,
	STORAGE_INFO,
};
/* The answer, or NULL; ret_call is filled either way. */
struct json_doc *storage_ask(struct engine *g, enum storage_question what, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e) CHECK_RESULT;

/* Build cache not used for unused_us (0: however young), least recently used first, until no more
 * than keep bytes are left. BUG on keep 0. */
int storage_prune_cache(struct engine *g, int64_t unused_us, uint64_t keep, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e) CHECK_RESULT;
/* Images that no name and no container holds. */
int storage_prune_dangling(struct engine *g, int64_t timeout_us, struct storage_call *ret_call,
	struct err *e) CHECK_RESULT;
/* One volume, by its name; the engine refuses when a container has it. */
int storage_remove_volume(struct engine *g, const char *name, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e) CHECK_RESULT;

#endif
