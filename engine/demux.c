/*
 * The state is whole before a callback runs, because the callback may free the owner of this
 * object. What the engine itself has to report (stream 3) is kept as the error text.
 */
#include "engine/demux.h"

void demux_init(struct demux *d, demux_fn fn, void *data)
{
	*d = (struct demux){ .fn = fn, .data = data };
}

static int header_done(struct demux *d, struct err *e)
{
	const unsigned char *h = d->head;

	if (h[0] > DEMUX_ENGINE_ERROR || h[0] == DEMUX_STDIN || h[1] || h[2] || h[3])
		return err_set(e, ERR_PROTO,
			"attach stream: %02x%02x%02x%02x is not a frame header (expected stream 1 "
			"to "
			"3 and "
			"three zero bytes)",
			h[0], h[1], h[2], h[3]);
	d->left = (uint32_t)h[4] << 24 | (uint32_t)h[5] << 16 | (uint32_t)h[6] << 8 | h[7];
	if (d->left == 0)
		d->head_len = 0;
	return 0;
}

static void payload(struct demux *d, const char *p, size_t n)
{
	size_t room = sizeof(d->error) - 1 - d->error_len;

	if (d->head[0] != DEMUX_ENGINE_ERROR) {
		d->fn(d->data, (enum demux_stream)d->head[0], p, n);
		return;
	}
	if (n > room)
		n = room;
	memcpy(d->error + d->error_len, p, n);
	d->error_len += n;
}

int demux_feed(struct demux *d, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		size_t take;

		if (d->head_len < sizeof(d->head)) {
			take = sizeof(d->head) - d->head_len;
			take = n < take ? n : take;
			memcpy(d->head + d->head_len, p, take);
			d->head_len += take;
			if (d->head_len == sizeof(d->head) && header_done(d, e) < 0)
				return -1;
		} else {
			take = n < d->left ? n : d->left;
			d->left -= (uint32_t)take;
			if (d->left == 0)
				d->head_len = 0; /* before fn, which must see a whole state */
			payload(d, p, take);
		}
		p += take;
		n -= take;
	}
	return 0;
}

int demux_end(const struct demux *d, struct err *e)
{
	if (d->error_len)
		return err_set(e, ERR_ENGINE, "attach stream: %s", d->error);
	if (d->head_len)
		return err_set(e, ERR_PROTO, "attach stream ended inside a frame, %u bytes missing",
			d->head_len < sizeof(d->head) ? (unsigned)(8 - d->head_len) : d->left);
	return 0;
}
