/* Of each value its kind, its length and its bytes, so that no two rows are the same bytes. */
#include "coordinator/move/digest.h"

#include <endian.h>

void digest_begin(struct digest *d)
{
	*d = (struct digest){ .stream = sha256_begin() };
}

static void number_add(struct digest *d, int64_t n)
{
	uint64_t bytes = htobe64((uint64_t)n);

	sha256_more(d->stream, &bytes, sizeof(bytes));
}

void digest_row(struct digest *d, const struct sql_values *row)
{
	for (size_t i = 0; i < row->n; i++) {
		const struct sql_value *v = &row->v[i];
		const unsigned char kind = (unsigned char)v->kind;

		sha256_more(d->stream, &kind, 1);
		if (v->kind == VALUE_NULL)
			continue;
		number_add(d, v->kind == VALUE_INT ? v->number : (int64_t)v->len);
		if (v->kind != VALUE_INT)
			sha256_more(d->stream, v->bytes, v->len);
	}
	d->rows++;
}

void digest_end(struct digest *d, char out[SHA256_HEX_MAX])
{
	unsigned char raw[SHA256_LEN];

	sha256_end(d->stream, raw);
	d->stream = NULL;
	hex_encode(raw, SHA256_LEN, out);
}

static int on_row(void *data, const struct sql_values *row, struct err *e UNUSED)
{
	digest_row(data, row);
	return 0;
}

int digest_read(struct store *s, struct shape_table *t, int64_t rows, int64_t page,
	struct page_place *at, struct digest *d, struct err *e)
{
	int64_t n = 1;

	for (int64_t left = rows; left > 0 && n > 0; left -= n)
		if (page_read(s, t, at, left < page ? left : page, on_row, d, &n, e) < 0)
			return -1;
	return 0;
}
