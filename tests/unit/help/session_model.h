/*
 * A session under test and the coordinator that it talks to: a small model that enforces the token
 * chain and whose failures are chosen one by one. The real coordinator is in the system tests.
 * Every helper fails the test by itself.
 */
#ifndef TESTS_UNIT_HELP_SESSION_MODEL_H
#define TESTS_UNIT_HELP_SESSION_MODEL_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <microhttpd.h>

#include "runner/report/session.h"

enum session_fault {
	FINE,
	DROP_BEFORE,    /* closed without reading anything into the chain */
	DROP_AFTER,     /* committed, then closed without an answer */
	UNAVAILABLE,    /* 503 */
	REFUSE,         /* 400 */
	EXPIRED,        /* 401 */
	CANCEL,         /* a cancel check answers true */
	CANCEL_BY,      /* the same with who asked; steps may clean up */
	CANCEL_FORCE,   /* and nothing may go on */
	NO_NEXT_TOKEN,  /* committed; the answer lacks what a coordinator always says */
	BAD_NEXT_TOKEN, /* committed; a token that fits no header */
	WEB_PAGE,       /* never reached the coordinator: a proxy's page with 200 */
	EMPTY_ANSWER,   /* 200 without a body, the same */
};

enum { RECORDS_MAX = 256 };

struct session_record {
	char path[128], body[256];
	size_t chunk_bytes;
};

struct session_model {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;
	enum session_fault faults[RECORDS_MAX]; /* for the nth request */
	const char *fine_path;                  /* UNAVAILABLE does not befall it; NULL: none */
	int requests;
	int generation; /* the token the chain is at */
	char last_key[64];
	char returned[32], lost[64]; /* Shithub-Job-Return and -Lost of the last call */
	struct session_record records[RECORDS_MAX]; /* committed calls, in order */
	int n_records;
	struct buf log; /* all log bytes of committed chunks */
};

struct session_fixture {
	struct session_model model;
	struct loop *loop;
	struct http *http;
	struct report *session;
	struct spool spool;
	char path[64];
	int cancels, losses;
	bool forced; /* of the last cancel, and its reason */
	char why[64];
	char base[64];
};

struct session_question {
	int answers;
	bool cancelled; /* of the answer */
	enum err_class why;
};

/* The session is new and has a token, an open spool and no folder. */
struct session_fixture *session_fixture_begin(void);
void session_fixture_end(struct session_fixture *f);
void session_note_cancel(void *data, const char *why, bool force);
void session_note_lost(void *data, const char *why);

int session_flush(struct session_fixture *f); /* never ERR_TIMEOUT */
/* step 0: of the job */
void session_status(struct session_fixture *f, int64_t step, const char *text);
void session_append(struct session_fixture *f, const char *text);
void session_ask(struct session_fixture *f, struct session_question *q);
/* Runs the loop until *count has reached wanted. */
void session_dispatch_until(struct session_fixture *f, const int *count, int wanted);

/* The calls of a whole job, and that each of them arrived once, in order. */
enum { SESSION_WHOLE_CALLS = 5 };
void session_whole_job(struct session_fixture *f);
void session_expect_whole(struct session_fixture *f);

#endif
