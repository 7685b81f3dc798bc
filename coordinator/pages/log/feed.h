/*
 * A job whose log somebody watches. However many do: it is read and made into events once, four
 * times a second, and each stream (stream.h) sends the same pieces. Pieces are kept for a while,
 * FEED_BYTES of them; a stream that needs an older one reads the log by itself until it is level.
 *
 * Events go through the steps in their order. The place behind an event says what was told: all
 * lines of the steps before, and of that step all up to a line. On the application's thread, never
 * inside of a turn of the server: what is told is committed.
 */
#ifndef COORDINATOR_PAGES_LOG_FEED_H
#define COORDINATOR_PAGES_LOG_FEED_H

#include "coordinator/pages/html.h"
#include "coordinator/pages/log/index.h"

#define FEED_TICK_US (250 * USEC_PER_MSEC)
#define FEED_SLICE_US (5 * USEC_PER_MSEC) /* of work at one time, for all feeds together */
#define FEED_WAKE_US (15 * USEC_PER_MSEC) /* between two groups of streams that send */
#define FEED_BYTES MIB(1)
#define FEEDS_BYTES MIB(64) /* of all feeds; with many each has less, but not below a piece */
#define FEED_PIECE KIB(32)  /* a line may make one longer */

enum { FEED_WAKE = 64 }; /* streams of one group: who calls meanwhile waits for no more */

struct log_stream;

struct log_place {
	int64_t returns; /* of the job */
	int64_t step;    /* from 1 */
	int64_t line;    /* 0: none of it yet */
};
static inline bool log_place_eq(const struct log_place *a, const struct log_place *b)
{
	return a->returns == b->returns && a->step == b->step && a->line == b->line;
}

struct feed_piece {
	struct feed_piece *next;
	unsigned users; /* the feed, and streams that send it now */
	uint64_t seq;
	struct log_place to;
	size_t len;
	char text[];
};
void feed_piece_put(struct feed_piece *p); /* NULL fine */

struct log_feed {
	struct app *app;
	struct log_feed *next;
	int64_t job_id;
	struct job_row job;
	struct job_steps steps;
	bool due;    /* it wants a turn */
	bool stale;  /* its rows are asked for again in that turn */
	bool level;  /* it has read what there was when it began */
	bool over;   /* the job is, and all of it was told */
	bool gone;   /* nobody can read it: it was deleted, or its log is damaged */
	size_t step; /* whose log is read */
	struct log_place at;
	struct log_index *index;
	struct log_reader reader;
	bool reading;
	struct html html; /* lines for the next piece */
	int64_t from;     /* the first of them; 0: none */
	struct wall time; /* of the last of them that said one */
	struct feed_piece *first, *last;
	uint64_t next_seq;
	uint64_t states; /* how often states were told */
	size_t bytes;
	struct log_stream *streams;
	struct log_stream *unwoken; /* the first of those that were not told of the last turn */
	bool wake_again;            /* there was another turn meanwhile */
};
/* The job's feed, with that stream. It goes when its last stream leaves. */
struct log_feed *log_feed_join(struct app *a, int64_t job_id, struct log_stream *s);
void log_feed_leave(struct log_feed *f, struct log_stream *s);
/* The piece with that number, a reference of the caller's; NULL: it is gone, or not made yet. */
struct feed_piece *log_feed_piece(const struct log_feed *f, uint64_t seq);
void log_feeds_free(struct app *a); /* no stream is open */
/* Streams of everybody, and of that peer. */
size_t log_feed_streams(const struct app *a, uint64_t peer, size_t *ret_of_peer);

#endif
