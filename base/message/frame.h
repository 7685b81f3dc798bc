/*
 * Length-capped messages between a job and the sandboxed children it asked for, over a stream
 * socket: four bytes of length, big endian, then that many bytes of JSON. A frame longer than the
 * reader's cap breaks the connection.
 */
#ifndef BASE_MESSAGE_FRAME_H
#define BASE_MESSAGE_FRAME_H

#include "base/buf.h"
#include "base/err.h"

enum {
	FRAME_HEAD = 4,
	FRAME_SMALL = 64 << 10, /* requests, orders, lines, results */
	FRAME_LARGE = 32 << 20, /* the end message: shallow ids and refs */
};

/* Blocks until all is written; a peer that went away is an error, never a signal. */
int frame_send(int fd, struct slice body, struct err *e) CHECK_RESULT;

/* One descriptor, sent ahead of the first frame: the receiver must take it before it reads frames.
 */
int frame_send_fd(int sock, int fd, struct err *e) CHECK_RESULT;
int frame_recv_fd(int sock, int *ret_fd, struct err *e) CHECK_RESULT; /* blocks */

struct frame_reader {
	struct buf in;
	size_t max;
};
void frame_reader_init(struct frame_reader *r, size_t max);
void frame_reader_release(struct frame_reader *r); /* wipes */
/* One read: 1 got bytes, 0 end of stream, -1 error; with MSG_DONTWAIT in flags and nothing
 * there: 1. */
int frame_fill(struct frame_reader *r, int fd, int flags, struct err *e) CHECK_RESULT;
/* 1: *ret is the next whole frame, until frame_drop; 0: not yet; -1: too long. */
int frame_peek(const struct frame_reader *r, struct slice *ret, struct err *e) CHECK_RESULT;
void frame_drop(struct frame_reader *r);
/* Blocks for one whole frame (then frame_drop): 0, or -1 also at the end of the stream. */
int frame_recv(struct frame_reader *r, int fd, struct slice *ret, struct err *e) CHECK_RESULT;

#endif
