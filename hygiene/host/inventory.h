/*
 * What an engine holds, row by row, from its own answers: images and volumes with what forbids
 * touching them, BuildKit's leftovers, the bytes that could be given back. Pure: (answers) in, rows
 * out; an answer that lacks what it should tell is an error, never a zero, and a size that the
 * engine does not know stays unknown (-1).
 *
 * Warm builders are no-touch: an image of that name, a container of that name, BuildKit's container
 * buildx_buildkit_<name><n> and the volume of its state.
 */
#ifndef HYGIENE_HOST_INVENTORY_H
#define HYGIENE_HOST_INVENTORY_H

#include "base/json.h"

enum { INVENTORY_ROWS_MAX = 128, INVENTORY_TEXT_MAX = 256 }; /* that are written */

struct image_row {
	char *id, *repository, *tag; /* "<none>" when it has no name */
	int64_t size, created;       /* bytes, -1 unknown; seconds since 1970 */
	bool dangling, in_use, warm;
};
struct volume_row {
	char *name, *driver, *mountpoint;
	struct strv labels;  /* keys: values may hold anything */
	int64_t size, links; /* -1: unknown; links: containers that refer to it */
	bool state, warm;    /* state: BuildKit keeps a builder's state in it */
};
struct builder_row {
	char *name;
	bool present;
};

enum availability { MEASURE_AVAILABLE, MEASURE_PARTIAL, MEASURE_UNAVAILABLE };
struct measure {
	enum availability available;
	int64_t bytes;      /* a lower bound when partial; -1 when unavailable */
	const char *reason; /* constant; NULL when available */
};
enum { MEASURE_IMAGES, MEASURE_CONTAINERS, MEASURE_VOLUMES, MEASURE_CACHE, MEASURES };
const char *measure_key(unsigned i);
const char *availability_name(enum availability a);

struct inventory {
	struct image_row *images;     /* sorted by repository, tag, id */
	struct volume_row *volumes;   /* by name */
	struct builder_row *builders; /* by name */
	size_t n_images, n_volumes, n_builders;
	int64_t total_images, total_volumes; /* more than n when read from a written one */
	struct strv orphan_containers, orphan_volumes; /* sorted */
	struct measure reclaimable[MEASURES];
	uint64_t cache_in_use; /* records that a build uses now */
	uint64_t running_ours; /* running containers with our label */
};

struct inventory_source {
	const struct json_value *usage, *images, *containers, *volumes; /* engine/storage.h */
	const char *engine_root; /* left out of mount points; NULL: not known */
	bool has_build_cache;
	const struct strv *warm_builders;
};
int inventory_read(
	struct inventory *inv, const struct inventory_source *from, struct err *e) CHECK_RESULT;
void inventory_release(struct inventory *inv);
/* Sum of what is known; -1 when nothing is. */
int64_t inventory_reclaimable(const struct inventory *inv);

/* "148.52GB (88%)", "1.5kB", "2GiB", "0B" as docker prints them; "N/A" is -1, anything else an
 * error. */
int docker_size_parse(const char *text, int64_t *ret, struct err *e) CHECK_RESULT;

/* One form for what engines write in different ways: docker.io/library/x:1, localhost/x:1, x:1. */
const char *image_short_name(const char *ref);

#endif
