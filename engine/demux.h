/*
 * The framing of an attach stream: {u8 stream, 0, 0, 0, u32 big-endian length} and payload. Frames
 * and headers split anywhere over the reads. Pure and incremental: bytes in, payload slices out;
 * payload is passed on as it arrives, never collected, so a frame's length needs no cap.
 */
#ifndef ENGINE_DEMUX_H
#define ENGINE_DEMUX_H

#include "base/err.h"

enum demux_stream { DEMUX_STDIN, DEMUX_STDOUT, DEMUX_STDERR, DEMUX_ENGINE_ERROR };

/* Called for each piece of payload; stream is DEMUX_STDOUT or DEMUX_STDERR. */
typedef void (*demux_fn)(void *data, enum demux_stream stream, const char *p, size_t n);

struct demux {
	demux_fn fn;
	void *data;
	/* private */
	unsigned char head[8];
	size_t head_len;
	uint32_t left;   /* payload still to come */
	char error[256]; /* text of a stream 3 frame: the engine's own failure */
	size_t error_len;
};

void demux_init(struct demux *d, demux_fn fn, void *data);
/* 0, or -1 on a header that is none (ERR_PROTO). */
int demux_feed(struct demux *d, const char *p, size_t n, struct err *e) CHECK_RESULT;
/* At the end of the stream: -1 if it stops inside a frame (ERR_PROTO) or carried an engine error
 * (ERR_ENGINE with its words). */
int demux_end(const struct demux *d, struct err *e) CHECK_RESULT;

#endif
