/*
 * Reading an object against what its row says of it. What is damaged never passes for whole: its
 * size is checked before the first byte, the digest of a small one too, that of a large one before
 * the end is said.
 */
#ifndef COORDINATOR_OBJECT_READER_H
#define COORDINATOR_OBJECT_READER_H

#include <sys/types.h>

#include "coordinator/object/objects.h"

#define OBJECT_CHECKED_FIRST MIB(1) /* at most so much is read before the first byte is given */

struct object_reader;

/* digest: "sha256:…", NULL: not known (logs that older programs archived). ERR_NOT_FOUND;
 * ERR_INTERNAL when it is damaged. */
struct object_reader *object_reader_open(struct objects *o, const char *key, int64_t size,
	const char *digest, struct err *e) CHECK_RESULT;
/* Goes on at that byte of it; called before anything else. */
int object_reader_skip(struct object_reader *r, int64_t n, struct err *e) CHECK_RESULT;
/* The same without reading what is before: from then on only its size is checked. For who has read
 * all of it before, to show a piece of it again. */
int object_reader_jump(struct object_reader *r, int64_t n, struct err *e) CHECK_RESULT;
/* Bytes put into out; 0 at the end of an object that is whole; -1 */
ssize_t object_reader_read(
	struct object_reader *r, char *out, size_t max, struct err *e) CHECK_RESULT;
void object_reader_free(struct object_reader *r); /* NULL fine */
static inline void object_reader_freep(struct object_reader **r)
{
	object_reader_free(*r);
	*r = NULL;
}
#define CLEAN_OBJECT_READER CLEANUP(object_reader_freep)

/* Reads all of it. */
int object_verify(struct objects *o, const char *key, int64_t size, const char *digest,
	struct err *e) CHECK_RESULT;

#endif
