/*
 * …/jobs/{job}/events: one reader of a feed. It begins behind the place that its caller names
 * (Last-Event-ID, or ?at=), with the first line, or with what comes from now on (?at=now). While it
 * is behind the feed it reads the log by itself; how many do so at one time is bounded. It holds
 * one piece at most, so one that is slow takes no memory.
 */
#ifndef COORDINATOR_PAGES_LOG_STREAM_H
#define COORDINATOR_PAGES_LOG_STREAM_H

#include "coordinator/pages/log/feed.h"

#define LOG_EVENT_BYTES MIB(8)             /* of one piece of a log, as events */
#define STREAM_PING_US (15 * USEC_PER_SEC) /* without an event a comment is sent: proxies wait */
enum {
	STREAMS_MAX = 1024, /* and a quarter of the server's connections */
	STREAMS_OF_PEER = 64,
	STREAMS_BEHIND = 8, /* that read at one time */
};

struct log_stream {
	struct app *app;
	struct httpd_request *request;
	struct log_stream *next, **link; /* of the feed */
	struct log_feed *feed;           /* NULL: none yet */
	uint64_t peer;
	bool now;  /* from the feed's place on */
	bool told; /* the states, at their number `states` */
	uint64_t states;
	struct log_place at; /* what was told */
	bool level;          /* with the feed; its next piece is seq */
	uint64_t seq;
	struct feed_piece *piece; /* is being sent */
	size_t piece_at;
	struct buf out; /* of its own, likewise */
	size_t out_at;
	bool reads; /* one of STREAMS_BEHIND */
	bool reading;
	struct log_reader reader;
	struct html html;
	int64_t from;
	struct wall time;
	bool waits; /* for log_stream_wake */
	bool ended;
	int anew; /* how often it began with the first line */
	struct mono sent_at, until;
};
/* The feed moved on, or time did. */
void log_stream_wake(struct log_stream *s);

#endif
