/*
 * The pack is ours by now: libgit2 wrote it and its index, and has hashed every object in it. So
 * the index is read with a few small reads instead of a mapping of half a gigabyte, and the bytes
 * are inflated through two fixed buffers. Nothing is believed for that: a number that leads out of
 * the file ends in a short read.
 */
#include "checkout/pack_blob.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <zlib.h>

#include "base/fs.h"

enum { OID = 20, FANOUT = 256, INDEX_HEAD = 8, PIECE = 128 << 10, TYPE_BLOB = 3 };

static int read_at(int fd, void *p, size_t n, off_t at, struct err *e)
{
	ssize_t got;

	do
		got = pread(fd, p, n, at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_set_errno(e, errno, "read the pack");
	return got == (ssize_t)n ? 0 : err_set(e, ERR_PROTO, "the pack's index ends early");
}

static int read_number(int fd, off_t at, uint32_t *ret, struct err *e)
{
	uint32_t raw;

	if (read_at(fd, &raw, sizeof(raw), at, e) < 0)
		return -1;
	*ret = be32toh(raw);
	return 0;
}

/* ---- index: version 2, sorted ids between a fanout and the offsets ---- */

/* 1 with the place of id among all; 0: not in it. */
static int find_place(int index, const git_oid *id, uint32_t *ret, struct err *e)
{
	const off_t fanout = INDEX_HEAD, ids = fanout + FANOUT * 4;
	uint32_t low = 0, high;

	if (id->id[0] && read_number(index, fanout + (id->id[0] - 1) * 4, &low, e) < 0)
		return -1;
	if (read_number(index, fanout + id->id[0] * 4, &high, e) < 0)
		return -1;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		unsigned char at[OID];
		int order;

		if (read_at(index, at, OID, ids + (off_t)middle * OID, e) < 0)
			return -1;
		order = memcmp(id->id, at, OID);
		if (order == 0) {
			*ret = middle;
			return 1;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

static int find_offset(int index, uint32_t place, off_t *ret, struct err *e)
{
	off_t after_ids, small, large;
	uint32_t count, offset;
	uint64_t raw;

	if (read_number(index, INDEX_HEAD + (FANOUT - 1) * 4, &count, e) < 0)
		return -1;
	after_ids = INDEX_HEAD + FANOUT * 4 + (off_t)count * OID;
	small = after_ids + (off_t)count * 4; /* a checksum for each stands in between */
	large = small + (off_t)count * 4;
	if (read_number(index, small + (off_t)place * 4, &offset, e) < 0)
		return -1;
	*ret = (off_t)offset;
	if (!(offset & 0x80000000U))
		return 0;
	if (read_at(index, &raw, sizeof(raw), large + (off_t)(offset & 0x7fffffff) * 8, e) < 0)
		return -1;
	*ret = (off_t)(be64toh(raw) & INT64_MAX);
	return 0;
}

/* ---- pack ---- */

/* 1: a whole blob begins at b->at; 0: something else does. */
static int read_header(struct pack_blob *b, struct err *e)
{
	unsigned char c;
	unsigned shift = 4;

	if (read_at(b->fd, &c, 1, b->at++, e) < 0)
		return -1;
	if ((c >> 4 & 7) != TYPE_BLOB)
		return 0;
	b->size = c & 15;
	for (; c & 0x80; shift += 7) {
		if (shift > 56)
			return err_set(e, ERR_PROTO, "an object of the pack is too large");
		if (read_at(b->fd, &c, 1, b->at++, e) < 0)
			return -1;
		b->size |= (uint64_t)(c & 0x7f) << shift;
	}
	return 1;
}

static int find_in(
	int dir, const char *index_name, const git_oid *id, struct pack_blob *ret, struct err *e)
{
	CLEAN_FD int index = openat(dir, index_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	CLEAN_STR char *stem = xstrndup(index_name, strlen(index_name) - strlen(".idx"));
	CLEAN_STR char *pack = xasprintf("%s.pack", stem);
	uint32_t place;
	int rc;

	if (index < 0)
		return err_set_errno(e, errno, "open the pack's index");
	rc = find_place(index, id, &place, e);
	if (rc <= 0)
		return rc;
	if (find_offset(index, place, &ret->at, e) < 0)
		return -1;
	ret->fd = openat(dir, pack, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (ret->fd < 0)
		return err_set_errno(e, errno, "open the pack");
	rc = read_header(ret, e);
	if (rc <= 0)
		pack_blob_close(ret);
	return rc;
}

int pack_blob_find(const char *dir, const git_oid *id, struct pack_blob *ret, struct err *e)
{
	DIR *d = opendir(dir);
	int rc = 0;

	*ret = (struct pack_blob){ .fd = -1 };
	if (!d)
		return err_set_errno(e, errno, "list the packs");
	for (struct dirent *ent; rc == 0 && (ent = readdir(d));)
		if (str_ends(ent->d_name, ".idx"))
			rc = find_in(dirfd(d), ent->d_name, id, ret, e);
	closedir(d);
	return rc;
}

void pack_blob_close(struct pack_blob *b)
{
	close_fdp(&b->fd);
}

/* ---- content ---- */

struct inflation {
	z_stream z;
	const struct pack_blob *blob;
	off_t at;
	uint64_t left;
	int out;
	unsigned char in[PIECE], text[PIECE];
};

static int refill(struct inflation *x, struct err *e)
{
	ssize_t got = pread(x->blob->fd, x->in, sizeof(x->in), x->at);

	if (got < 0 && errno == EINTR)
		return 0;
	if (got < 0)
		return err_set_errno(e, errno, "read the pack");
	if (got == 0)
		return err_set(e, ERR_PROTO, "an object of the pack is cut off");
	x->at += got;
	x->z.next_in = x->in;
	x->z.avail_in = (uInt)got;
	return 0;
}

/* 1: that was the end. */
static int inflate_piece(struct inflation *x, struct err *e)
{
	size_t made;
	int rc;

	if (x->z.avail_in == 0 && refill(x, e) < 0)
		return -1;
	x->z.next_out = x->text;
	x->z.avail_out = sizeof(x->text);
	rc = inflate(&x->z, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return err_set(e, ERR_PROTO, "an object of the pack cannot be inflated");
	made = sizeof(x->text) - x->z.avail_out;
	if (made > x->left || (rc == Z_STREAM_END && made < x->left))
		return err_set(e, ERR_PROTO, "an object of the pack has not the size it names");
	x->left -= made;
	if (fd_write_all(x->out, x->text, made, e) < 0)
		return -1;
	return rc == Z_STREAM_END;
}

int pack_blob_write(const struct pack_blob *b, int out, struct err *e)
{
	struct inflation *x = xcalloc(1, sizeof(*x));
	int rc = 0;

	*x = (struct inflation){ .blob = b, .at = b->at, .left = b->size, .out = out };
	if (inflateInit(&x->z) != Z_OK)
		rc = err_set(e, ERR_LIMIT, "no memory to inflate");
	while (rc == 0)
		rc = inflate_piece(x, e);
	inflateEnd(&x->z);
	free(x);
	return rc < 0 ? -1 : 0;
}
