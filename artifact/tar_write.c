/*
 * Plain ustar headers, and a pax header before those whose values do not fit: any tar reads the
 * result. Owners are left out and times are whole seconds, so equal trees give equal archives.
 */
#include <inttypes.h>
#include <stdio.h>

#include "artifact/tar_header.h"

enum { OCTAL_SIZE_DIGITS = 11 };
#define OCTAL_SIZE_MAX ((UINT64_C(1) << (3 * OCTAL_SIZE_DIGITS)) - 1)

unsigned tar_checksum(const struct tar_header *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		bool own = i >= offsetof(struct tar_header, checksum) &&
			   i < offsetof(struct tar_header, type);

		sum += own ? ' ' : p[i];
	}
	return sum;
}

/* Fills a field of n bytes with n - 1 digits; the NUL behind them is there already. */
static void octal(char *field, size_t n, uint64_t value)
{
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

/* A field that is full has no NUL. */
static void text(char *field, size_t n, const char *value)
{
	memcpy(field, value, strnlen(value, n));
}

static void put_block(struct buf *out, const struct tar_entry *entry, char type, uint64_t size)
{
	struct tar_header h = { .magic = "ustar", .version = { '0', '0' }, .type = type };

	text(h.name, sizeof(h.name), entry->path);
	text(h.link, sizeof(h.link), entry->link ? entry->link : "");
	octal(h.mode, sizeof(h.mode), entry->mode & 07777);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), size <= OCTAL_SIZE_MAX ? size : 0);
	octal(h.mtime, sizeof(h.mtime), entry->mtime > 0 ? (uint64_t)entry->mtime : 0);
	octal(h.checksum, sizeof(h.checksum) - 1, tar_checksum(&h));
	h.checksum[sizeof(h.checksum) - 1] = ' ';
	buf_add(out, &h, sizeof(h));
}

/* "<length> key=value\n", where length counts its own digits too. */
static void put_record(struct buf *out, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, n = rest + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", n) + rest != n)
		n++;
	buf_addf(out, "%s %s=", digits, key);
	buf_adds(out, value);
	buf_addc(out, '\n');
}

static void put_zeros(struct buf *out, size_t n)
{
	static const char zeros[TAR_BLOCK];

	for (size_t k; n; n -= k) {
		k = n < sizeof(zeros) ? n : sizeof(zeros);
		buf_add(out, zeros, k);
	}
}

void tar_write_header(struct buf *out, const struct tar_entry *entry)
{
	static const char types[] = { [TAR_FILE] = '0', [TAR_FOLDER] = '5', [TAR_LINK] = '2' };
	uint64_t size = entry->type == TAR_FILE ? entry->size : 0;
	CLEAN_BUF struct buf extended = BUF_INIT(TAR_EXTENDED_MAX);

	if (strlen(entry->path) > sizeof(((struct tar_header *)0)->name))
		put_record(&extended, "path", entry->path);
	if (entry->link && strlen(entry->link) > sizeof(((struct tar_header *)0)->link))
		put_record(&extended, "linkpath", entry->link);
	if (size > OCTAL_SIZE_MAX) {
		char digits[24];

		snprintf(digits, sizeof(digits), "%" PRIu64, size);
		put_record(&extended, "size", digits);
	}
	if (extended.len) {
		put_block(
			out, &(struct tar_entry){ .path = "pax", .mode = 0644 }, 'x', extended.len);
		buf_add(out, extended.data, extended.len);
		put_zeros(out, tar_padding(extended.len));
	}
	put_block(out, entry, types[entry->type], size);
}

void tar_write_end(struct buf *out)
{
	put_zeros(out, 2 * (size_t)TAR_BLOCK);
}
