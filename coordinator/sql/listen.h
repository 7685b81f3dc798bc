/*
 * A connection to PostgreSQL that hears the words of others (NOTIFY) on the channel of its schema.
 * For one thread. A word may be missed while there is no connection.
 */
#ifndef COORDINATOR_SQL_LISTEN_H
#define COORDINATOR_SQL_LISTEN_H

#include "base/clock.h"
#include "base/err.h"

struct listen;

struct listen *listen_new(const char *place, struct err *e) CHECK_RESULT; /* not connected */
void listen_free(struct listen *l);                                       /* NULL fine */
/* Connects, if there is no connection: 1 it is a new one, 0 the one there was, -1. */
int listen_up(struct listen *l, struct err *e) CHECK_RESULT;
/* Waits so long for a word, or until stop_fd is readable. -1: the connection is lost. */
int listen_wait(struct listen *l, int stop_fd, int64_t us, struct err *e) CHECK_RESULT;
/* A round trip, by which a peer that is gone without a word is found out. */
int listen_ask(struct listen *l, struct err *e) CHECK_RESULT;
/* The next word that has come, cut at size; false: none. */
bool listen_word(struct listen *l, char *word, size_t size);

#endif
