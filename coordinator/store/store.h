/*
 * The coordinator's store: everything that outlives a request, in one SQLite file (WAL mode).
 *
 * This header opens and closes it and holds transactions together; each noun has a header of its
 * own beside it (run.h, job.h, runner.h, …) that declares the functions of the .c of that name. All
 * SQL stands here and in the few rooms that ROOMS lets include coordinator/sql/; everybody else
 * sees typed rows and functions. What differs between databases is an engine
 * (coordinator/sql/engine.h). One struct store per process and thread; several processes (serve and
 * the admin verbs) may have the same file open at a time.
 *
 * For every function here and in the nouns: errors are ERR_NOT_FOUND, ERR_CONFLICT (exists
 * already), ERR_AUTH, ERR_INPUT, else ERR_INTERNAL with the database's words. Rows own their
 * strings: release them. Times are struct wall, us 0 = not yet. No secret is stored in clear:
 * tokens as SHA-256, secrets and stored answers sealed (coordinator/app/keys.h).
 *
 * Transactions: every function is atomic by itself. To join several, hold a struct store_tx:
 *   CLEAN_TX struct store_tx tx = { 0 };
 *   if (store_begin(s, &tx, e) < 0) return -1;  ...  return store_commit(&tx, e);
 * It takes the write lock at once (BEGIN IMMEDIATE), joins an open one, and rolls back unless
 * committed.
 */
#ifndef COORDINATOR_STORE_STORE_H
#define COORDINATOR_STORE_STORE_H

#include "base/clock.h"

struct store;

/* Opens or creates the file (0600) and brings its schema to this program's version. ERR_CONFLICT:
 * it is newer, or a copy of rows into it is not finished. */
struct store *store_open(const char *path, struct err *e) CHECK_RESULT;
/* The same for `serve`, of which a database has several and a file one, by its folder's serve.lock.
 * ERR_NET: a copy of all rows is under way. */
struct store *store_open_to_serve(const char *path, struct err *e) CHECK_RESULT;
/* Commits of this connection wait for no disk from now on: they survive a kill, and after a loss of
 * power the last ones may be missing. */
int store_sync_later(struct store *s, struct err *e) CHECK_RESULT;
/* One that is there, as it is: nothing is made and no schema changed. For those who only read.
 * ERR_NOT_FOUND. */
struct store *store_open_as_is(const char *path, struct err *e) CHECK_RESULT;
/* For a copy of rows alone, of which and into which there is one at a time, and no serve: as_is for
 * the one that is read, else as store_open. ERR_NET: others use it. */
struct store *store_open_to_copy(const char *path, bool as_is, struct err *e) CHECK_RESULT;
void store_free(struct store *s); /* NULL fine */
static inline void store_freep(struct store **s)
{
	store_free(*s);
	*s = NULL;
}
#define CLEAN_STORE CLEANUP(store_freep)

/* A change that finds the write lock taken by another process waits so long, ten seconds at first,
 * or until the given time (us 0: so long again); ERR_TIMEOUT then. */
void store_patience(struct store *s, int64_t us);
void store_wait_until(struct store *s, struct mono until);
/* Asked every few milliseconds of such a wait: true ends it. For whoever is to stop. */
void store_wait_ends(struct store *s, bool (*ends)(void *data), void *data);
/* Between the transactions of one who has many: sleeps a few milliseconds once this connection had
 * the lock for that long, so that whoever waits for it gets it. */
void store_give_way(struct store *s);
/* For how long another process has had the lock while this connection wanted it; 0: it has not. Any
 * thread may ask. */
int64_t store_locked_us(const struct store *s);

struct store_tx {
	struct store *store; /* NULL: not begun, committed or rolled back */
	bool joined;
};
int store_begin(struct store *s, struct store_tx *tx, struct err *e) CHECK_RESULT;
int store_commit(struct store_tx *tx, struct err *e) CHECK_RESULT;
void store_rollback(struct store_tx *tx); /* no-op when committed */
#define CLEAN_TX CLEANUP(store_rollback)

/*
 * Group commit: what this connection changes from begin to end becomes one transaction, begun with
 * the first change. Transactions inside are savepoints: one that is rolled back takes nothing else
 * with it. Nothing that was changed may be told to anybody before the end returned 0.
 */
void store_group_begin(struct store *s);
bool store_group_changed(const struct store *s); /* something waits for the end */
/* For an effect outside that needs what was changed on the disk before: commits that much. Without
 * a group it is a no-op. */
int store_group_flush(struct store *s, struct err *e) CHECK_RESULT;
/* What was changed since the begin (or since a flush) will not be kept: the end rolls it back. */
void store_group_drop(struct store *s);
/* -1: what was changed since the begin (or since a flush) is lost. */
int store_group_end(struct store *s, struct err *e) CHECK_RESULT;

#endif
