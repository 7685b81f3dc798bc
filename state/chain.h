/*
 * A job's token chain on disk: the token that is valid now, how far the reports were delivered, and
 * the call in flight, so that somebody else can go on after the job process was killed at any
 * instant. It changes with every call, hundreds of times a second while a log floods, so nothing is
 * replaced or synced: two records of fixed size in one file made beforehand, written in place by
 * turns, each with a number and a checksum. A record that was torn leaves the one before, which
 * says at worst that the last call is still in flight. After a loss of power the chain is dead
 * anyway.
 *
 * <job's folder>/chain, 0600. Made by the supervisor with the claim's token, then written by the
 * job process, after its death by the recover process; one writer at a time.
 */
#ifndef STATE_CHAIN_H
#define STATE_CHAIN_H

#include "base/codec.h"
#include "base/err.h"

/* A token is good for so long after it was handed out (PROTOCOL.md). */
#define JOB_TOKEN_LIFE_US (15 * 60 * USEC_PER_SEC)

enum chain_call {
	CHAIN_NONE,   /* nothing in flight */
	CHAIN_REPORT, /* the first report that is not delivered */
	CHAIN_CANCEL, /* a cancel check */
	CHAIN_ASK,    /* a call of the job's own: path and body */
};

struct chain_state {
	char *token;
	int64_t done; /* reports delivered or given up, state/outbox.h */
	/* of the first report that is not, when it is a log */
	int64_t log_acked, log_seq, log_chunk; /* chunk: bytes that go out as seq; 0: not fixed */
	bool log_sent, log_refused;
	char *notice; /* the next chunk in place of bytes; NULL: none */
	bool lost;    /* the chain is dead: nothing can be reported any more */
	bool final;   /* the job's last status was accepted */
	enum chain_call call;
	char key[UUID_TEXT_MAX]; /* its Idempotency-Key */
	char *path, *body;       /* CHAIN_ASK; body NULL: too large to be kept */
	struct strv headers;
};
void chain_state_release(struct chain_state *s); /* wipes */

struct chain {
	int fd; /* -1: none */
	int64_t number;
};
#define CHAIN_INIT       \
	{                \
		.fd = -1 \
	}

int chain_make(const char *dir, const char *token, struct err *e) CHECK_RESULT;
/* The newest whole record. ERR_NOT_FOUND: no file; ERR_INPUT: no record is whole. */
int chain_open(
	struct chain *c, const char *dir, struct chain_state *ret, struct err *e) CHECK_RESULT;
int chain_save(struct chain *c, const struct chain_state *s, struct err *e) CHECK_RESULT;
void chain_close(struct chain *c);

/* Pure: the newest whole record of a file's bytes and its number. */
int chain_parse(const char *p, size_t n, struct chain_state *ret, int64_t *ret_number,
	struct err *e) CHECK_RESULT;

#endif
