/*
 * The archive format of artifacts: tar as POSIX.1-2001 (pax) writes it, files, folders and symbolic
 * links only. Ours and not a library's: the one that distributions carry maps 35 MB of further
 * libraries into every process of the runner, and reads thirty formats where one is wanted.
 *
 * Pure: bytes in, bytes or events out, constant memory, no I/O. Nothing here decides whether a path
 * is fine; see path_rule.h.
 */
#ifndef ARTIFACT_TAR_H
#define ARTIFACT_TAR_H

#include "base/buf.h"
#include "base/err.h"

enum { TAR_BLOCK = 512, TAR_PATH_MAX = 4096, TAR_EXTENDED_MAX = 64 << 10 };

enum tar_type { TAR_FILE, TAR_FOLDER, TAR_LINK };
struct tar_entry {
	enum tar_type type;
	const char *path; /* as in the archive; folders may end in a slash */
	const char *link; /* TAR_LINK: its target */
	unsigned mode;    /* 07777 */
	uint64_t size;    /* TAR_FILE */
	int64_t mtime;    /* seconds */
};

/* Appends the header blocks of one entry; the caller appends its bytes and tar_padding of zeros. */
void tar_write_header(struct buf *out, const struct tar_entry *entry);
void tar_write_end(struct buf *out);
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}

/* Called while bytes are fed; -1 ends the reading with that error. Bytes of a file come after its
 * on_entry, in pieces; end_entry follows the last one. The entry lives for the call only. */
struct tar_sink {
	int (*on_entry)(void *data, const struct tar_entry *entry, struct err *e);
	int (*on_bytes)(void *data, const char *p, size_t n, struct err *e);
	int (*end_entry)(void *data, struct err *e);
	void *data;
};
struct tar_reader;
struct tar_reader *tar_reader_new(const struct tar_sink *sink);
void tar_reader_free(struct tar_reader *r); /* NULL fine */
static inline void tar_reader_freep(struct tar_reader **r)
{
	tar_reader_free(*r);
	*r = NULL;
}
/* Errors are ERR_INPUT and say what stands where: "archive entry 3 (name): device file …". After -1
 * the reader takes nothing more. */
int tar_feed(struct tar_reader *r, const char *p, size_t n, struct err *e) CHECK_RESULT;
/* Was that all of an archive? */
int tar_finish(struct tar_reader *r, struct err *e) CHECK_RESULT;

#endif
