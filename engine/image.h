/*
 * Images of an engine: what is there, and pulling one.
 *
 * A pull is one exchange that may take minutes; it never blocks and ends with its done callback,
 * or with image_pull_free, upon which the engine gives up too. What can go wrong is told by class:
 *   ERR_NET        the registry could not be reached, or stumbled: worth another try
 *   ERR_AUTH       it wants (other) credentials
 *   ERR_NOT_FOUND  it has no such image
 *   ERR_ENGINE     anything else, in the engine's words
 */
#ifndef ENGINE_IMAGE_H
#define ENGINE_IMAGE_H

#include "config/image_ref.h"
#include "engine/engine.h"
#include "engine/pull_stream.h"

struct image {
	char *id;     /* sha256:… of its configuration: this very image whatever tags do */
	char *digest; /* sha256:… by which its registry knows it; NULL: it came from none */
	int64_t size; /* bytes unpacked, 0: not told */
	struct strv volumes; /* VOLUME paths as the image says them (engine/volumes.h) */
	struct pairs env;    /* its ENV */
};
/* ERR_NOT_FOUND with the remedy when it is not on this machine. */
int engine_image_inspect(
	struct engine *g, const char *ref, struct image *ret, struct err *e) CHECK_RESULT;
void image_release(struct image *i);
/* The HOME that the image says, if the job's home can be mounted there; else NULL. */
const char *image_home(const struct image *i);
/* What names the image beyond doubt: its digest, else its id. */
static inline const char *image_digest(const struct image *i)
{
	return i->digest ? i->digest : i->id;
}

struct image_pull;
/* auth: the value of X-Registry-Auth or NULL; copied, wiped. done may free the pull. */
struct image_pull *image_pull_start(struct engine *g, const struct image_ref *ref, const char *auth,
	void (*done)(void *data), void *data, struct err *e) CHECK_RESULT;
struct pull_progress image_pull_progress(const struct image_pull *p);
/* After done: 0, or why not. */
int image_pull_result(const struct image_pull *p, struct err *e) CHECK_RESULT;
void image_pull_free(struct image_pull *p); /* NULL fine; ends it */

/* The class of a pull's error by the engine's words. Pure. */
enum err_class pull_error_class(const char *words);

#endif
