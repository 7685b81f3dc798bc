/*
 * Reading, as a machine that is fed pieces of any size:
 *
 *   HEADER ── '0' ──> BYTES ──> PADDING ──> HEADER
 *     ├─ 'x' 'L' 'K' ──> EXTENDED (kept for the next entry) ──> PADDING ──> HEADER
 *     ├─ 'g' ──> SKIP ──> PADDING ──> HEADER
 *     └─ two zero blocks ──> END (only zeros may follow)
 *
 * Every number is checked before it is used, every length before memory is taken. Whatever the
 * runner would not write itself, but for GNU's long names, is refused with its name.
 */
#include "artifact/tar_header.h"

#include <inttypes.h>

enum state { AT_HEADER, IN_BYTES, IN_EXTENDED, IN_SKIP, IN_PADDING, AT_END, BROKEN };

struct tar_reader {
	struct tar_sink sink;
	enum state state;
	uint64_t entries; /* headers of real entries so far */
	union {
		struct tar_header header;
		char block[TAR_BLOCK];
	};
	size_t have;    /* bytes of block */
	unsigned zeros; /* zero blocks in a row */
	uint64_t left;  /* bytes of the body that are still to come */
	size_t padding; /* after it */
	char extended_type;
	struct buf extended; /* body of a pax or long-name header */
	/* what such headers said about the next entry */
	char *path, *link;
	bool have_size;
	uint64_t size;
};

struct tar_reader *tar_reader_new(const struct tar_sink *sink)
{
	struct tar_reader *r = xcalloc(1, sizeof(*r));

	r->sink = *sink;
	buf_init(&r->extended, TAR_EXTENDED_MAX);
	return r;
}

static void forget_extended(struct tar_reader *r)
{
	free_charp(&r->path);
	free_charp(&r->link);
	r->have_size = false;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	forget_extended(r);
	buf_release(&r->extended);
	free(r);
}

static int refuse_archive(
	const struct tar_reader *r, const char *name, const char *why, struct err *e)
{
	return err_set(e, ERR_INPUT, "archive entry %" PRIu64 " (\"%.200s\"): %s", r->entries + 1,
		name, why);
}

/* ---- numbers ---- */

/* Octal digits between blanks and NULs, or GNU's base 256 for what is larger. */
static bool number(const char *field, size_t n, uint64_t *ret)
{
	const unsigned char *p = (const unsigned char *)field, *end = p + n;
	uint64_t v = 0;

	if (*p & 0x80) {
		v = *p & 0x7f;
		while (++p < end) {
			if (v >> 55)
				return false;
			v = v << 8 | *p;
		}
		*ret = v;
		return true;
	}
	while (p < end && *p == ' ')
		p++;
	for (; p < end && *p >= '0' && *p <= '7'; p++)
		v = v << 3 | (unsigned)(*p - '0'); /* 12 digits at most */
	for (; p < end; p++)
		if (*p != ' ' && *p != '\0')
			return false;
	*ret = v;
	return true;
}

/* ---- extended headers ---- */

static int take_record(struct tar_reader *r, struct slice key, struct slice value, struct err *e)
{
	int64_t size;

	if (memchr(value.ptr, '\0', value.len))
		return refuse_archive(r, "", "NUL in an extended header", e);
	if (slice_eq(key, "path")) {
		free(r->path);
		r->path = xmemdup0(value.ptr, value.len);
	} else if (slice_eq(key, "linkpath")) {
		free(r->link);
		r->link = xmemdup0(value.ptr, value.len);
	} else if (slice_eq(key, "size")) {
		CLEAN_STR char *text = xmemdup0(value.ptr, value.len);

		if (!parse_i64(text, 0, INT64_MAX, &size))
			return refuse_archive(
				r, "", "size in an extended header is not a number", e);
		r->have_size = true;
		r->size = (uint64_t)size;
	}
	return 0;
}

/* "<length> key=value\n" after another. */
static int parse_pax(struct tar_reader *r, struct err *e)
{
	const char *p = buf_cstr(&r->extended), *end = p + r->extended.len; /* it may be empty */

	while (p < end) {
		size_t n = 0;
		const char *q = p;

		for (; q < end && *q >= '0' && *q <= '9' && n <= TAR_EXTENDED_MAX; q++)
			n = n * 10 + (size_t)(*q - '0');
		if (q == p || q == end || *q != ' ' || n > (size_t)(end - p) || p + n <= q + 1 ||
			p[n - 1] != '\n')
			return refuse_archive(r, "", "malformed extended header", e);
		const char *eq = memchr(q + 1, '=', (size_t)(p + n - q - 1));
		if (!eq)
			return refuse_archive(r, "", "malformed extended header", e);
		if (take_record(r, (struct slice){ q + 1, (size_t)(eq - q - 1) },
			    (struct slice){ eq + 1, (size_t)(p + n - 1 - eq - 1) }, e) < 0)
			return -1;
		p += n;
	}
	return 0;
}

static int end_extended(struct tar_reader *r, struct err *e)
{
	char **place = r->extended_type == 'L' ? &r->path : &r->link;
	int rc = 0;

	if (r->extended_type == 'x') {
		rc = parse_pax(r, e);
	} else {
		free(*place);
		*place = xstrndup(buf_cstr(&r->extended), r->extended.len);
	}
	buf_clear(&r->extended);
	return rc;
}

/* ---- headers ---- */

static void begin_body(struct tar_reader *r, enum state body, uint64_t size)
{
	r->state = body;
	r->left = size;
	r->padding = tar_padding(size);
}

static char *header_path(const struct tar_reader *r)
{
	const struct tar_header *h = &r->header;
	bool posix = memcmp(h->magic, "ustar", sizeof(h->magic)) == 0;

	if (r->path)
		return xstrdup(r->path);
	CLEAN_STR char *name = xstrndup(h->name, sizeof(h->name));
	if (!posix || !*h->prefix)
		return TAKE(name);
	CLEAN_STR char *prefix = xstrndup(h->prefix, sizeof(h->prefix));
	return xasprintf("%s/%s", prefix, name);
}

static const char *refused_type(char type)
{
	switch (type) {
	case '1':
		return "hard link";
	case '3':
	case '4':
		return "device file";
	case '6':
		return "named pipe";
	case 'S':
		return "sparse file";
	default:
		return "entry of an unknown type";
	}
}

static int entry_type(
	const struct tar_reader *r, const char *path, enum tar_type *ret, struct err *e)
{
	switch (r->header.type) {
	case '0':
	case '7':
	case '\0':
		*ret = TAR_FILE;
		return 0;
	case '5':
		*ret = TAR_FOLDER;
		return 0;
	case '2':
		*ret = TAR_LINK;
		return 0;
	default:
		return err_set(e, ERR_INPUT,
			"archive entry %" PRIu64
			" (\"%.200s\"): %s, expected files, folders and symbolic "
			"links only",
			r->entries + 1, path, refused_type(r->header.type));
	}
}

static int begin_entry(struct tar_reader *r, uint64_t size, struct err *e)
{
	CLEAN_STR char *path = header_path(r);
	CLEAN_STR char *link =
		r->link ? xstrdup(r->link) : xstrndup(r->header.link, sizeof(r->header.link));
	struct tar_entry entry = { .path = path };
	uint64_t mode, mtime;

	if (entry_type(r, path, &entry.type, e) < 0)
		return -1;
	if (!number(r->header.mode, sizeof(r->header.mode), &mode) ||
		!number(r->header.mtime, sizeof(r->header.mtime), &mtime))
		return refuse_archive(r, path, "mode or time is not a number", e);
	if (r->have_size)
		size = r->size;
	if (entry.type == TAR_LINK)
		entry.link = link;
	if (entry.type != TAR_FILE && size)
		return refuse_archive(r, path, "a folder or link with bytes of its own", e);
	entry.mode = (unsigned)(mode & 07777);
	entry.mtime = mtime <= INT32_MAX * UINT64_C(100) ? (int64_t)mtime : 0;
	entry.size = size;
	forget_extended(r);
	if (r->sink.on_entry(r->sink.data, &entry, e) < 0)
		return -1;
	r->entries++;
	begin_body(r, IN_BYTES, size);
	return 0;
}

static int begin_extended(struct tar_reader *r, char type, uint64_t size, struct err *e)
{
	if (size > TAR_EXTENDED_MAX || (type != 'x' && size > TAR_PATH_MAX + 1))
		return refuse_archive(r, "", "extended header or name too long", e);
	r->extended_type = type;
	begin_body(r, IN_EXTENDED, size);
	return 0;
}

static int take_header(struct tar_reader *r, struct err *e)
{
	const struct tar_header *h = &r->header;
	uint64_t sum, size;

	if (memcmp(h->magic, "ustar", 5) != 0)
		return refuse_archive(r, "", "no tar header stands here", e);
	if (!number(h->checksum, sizeof(h->checksum), &sum) || sum != tar_checksum(h))
		return refuse_archive(r, "", "the header's checksum is wrong", e);
	if (!number(h->size, sizeof(h->size), &size) || size > INT64_MAX)
		return refuse_archive(r, "", "the size is not a number", e);
	switch (h->type) {
	case 'x':
	case 'L':
	case 'K':
		return begin_extended(r, h->type, size, e);
	case 'g':
		begin_body(r, IN_SKIP, size);
		return 0;
	default:
		return begin_entry(r, size, e);
	}
}

static int take_block(struct tar_reader *r, struct err *e)
{
	static const char zero[TAR_BLOCK];

	if (memcmp(r->block, zero, TAR_BLOCK) != 0) {
		if (r->zeros)
			return refuse_archive(r, "", "an entry after the end of the archive", e);
		return take_header(r, e);
	}
	if (r->path || r->link || r->have_size)
		return refuse_archive(r, "", "an extended header without an entry", e);
	if (++r->zeros == 2)
		r->state = AT_END;
	return 0;
}

/* ---- bodies ---- */

static int end_body(struct tar_reader *r, struct err *e)
{
	enum state body = r->state;

	r->state = r->padding ? IN_PADDING : AT_HEADER;
	if (body == IN_EXTENDED)
		return end_extended(r, e);
	return body == IN_BYTES ? r->sink.end_entry(r->sink.data, e) : 0;
}

static int take_body(struct tar_reader *r, const char *p, size_t n, struct err *e)
{
	r->left -= n;
	if (r->state == IN_BYTES && n && r->sink.on_bytes(r->sink.data, p, n, e) < 0)
		return -1;
	if (r->state == IN_EXTENDED)
		buf_add(&r->extended, p, n);
	return 0;
}

/* Takes some of the bytes; how many, or -1. With none given, a body that is over ends. */
static ssize_t step(struct tar_reader *r, const char *p, size_t n, struct err *e)
{
	size_t k = n;

	switch (r->state) {
	case AT_HEADER:
		k = n < TAR_BLOCK - r->have ? n : TAR_BLOCK - r->have;
		memcpy(r->block + r->have, p, k);
		r->have += k;
		if (r->have < TAR_BLOCK)
			return (ssize_t)k;
		r->have = 0;
		return take_block(r, e) < 0 ? -1 : (ssize_t)k;
	case IN_BYTES:
	case IN_EXTENDED:
	case IN_SKIP:
		k = n < r->left ? n : (size_t)r->left;
		return take_body(r, p, k, e) < 0 ? -1 : (ssize_t)k;
	case IN_PADDING:
		k = n < r->padding ? n : r->padding;
		r->padding -= k;
		if (!r->padding)
			r->state = AT_HEADER;
		return (ssize_t)k;
	case AT_END:
		for (size_t i = 0; i < n; i++)
			if (p[i])
				return refuse_archive(
					r, "", "bytes after the end of the archive", e);
		return (ssize_t)n;
	case BROKEN:
		break;
	}
	return err_set(e, ERR_INPUT, "the archive was refused before");
}

static bool body_over(const struct tar_reader *r)
{
	return r->left == 0 &&
	       (r->state == IN_BYTES || r->state == IN_EXTENDED || r->state == IN_SKIP);
}

int tar_feed(struct tar_reader *r, const char *p, size_t n, struct err *e)
{
	while (n || body_over(r)) {
		ssize_t k = body_over(r) ? end_body(r, e) : step(r, p, n, e);

		if (k < 0) {
			r->state = BROKEN;
			return -1;
		}
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int tar_finish(struct tar_reader *r, struct err *e)
{
	if (r->state == BROKEN)
		return err_set(e, ERR_INPUT, "the archive was refused before");
	if (r->state != AT_END)
		return refuse_archive(r, "", "the archive ends in the middle", e);
	return 0;
}
