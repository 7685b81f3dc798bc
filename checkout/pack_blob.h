/*
 * A blob straight from the pack that was just indexed, in pieces. libgit2 can only inflate an
 * object whole, and two of them would be more memory than the tree writer has. Tree writer only;
 * any thread, each with its own struct.
 */
#ifndef CHECKOUT_PACK_BLOB_H
#define CHECKOUT_PACK_BLOB_H

#include <git2.h>
#include <sys/types.h>

#include "base/err.h"

struct pack_blob {
	int fd;        /* the pack */
	off_t at;      /* of the deflated bytes */
	uint64_t size; /* inflated, as the pack says */
};
/* Looks for id in the packs of `dir`. 1 with *ret; 0: not there, or stored as a delta, which only
 * libgit2 can resolve; -1. */
int pack_blob_find(
	const char *dir, const git_oid *id, struct pack_blob *ret, struct err *e) CHECK_RESULT;
/* Inflates it to `out`; an error when it has more or fewer bytes than its header says. */
int pack_blob_write(const struct pack_blob *b, int out, struct err *e) CHECK_RESULT;
void pack_blob_close(struct pack_blob *b);

#endif
