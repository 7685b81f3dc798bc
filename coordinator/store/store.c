/*
 * Opening, transactions and the commits of a group, over whichever engine holds the rows: what
 * these promise must not depend on it, so it is written once.
 */
#include "coordinator/store/store.h"

#include "coordinator/sql/dsn.h"
#include "coordinator/sql/engine.h"
#include "coordinator/sql/postgres.h"
#include "coordinator/sql/sqlite.h"
#include "coordinator/store/schema.h"

#define LOCK_WAIT_US (10 * USEC_PER_SEC)
#define LOCK_TRY_US (2 * USEC_PER_MSEC)
#define HELD_MAX_US (5 * USEC_PER_MSEC)

void store_patience(struct store *s, int64_t us)
{
	s->wait.patience_us = us;
}

void store_wait_until(struct store *s, struct mono until)
{
	s->wait.until = until;
}

void store_wait_ends(struct store *s, bool (*ends)(void *data), void *data)
{
	s->wait.ends = ends;
	s->wait.ends_data = data;
}

void store_give_way(struct store *s)
{
	if (s->held.us < HELD_MAX_US)
		return;
	usleep(LOCK_TRY_US + USEC_PER_MSEC); /* longer than anybody pauses between two tries */
	s->held.us = 0;
}

int64_t store_locked_us(const struct store *s)
{
	int64_t since = s->wait.since_us;

	return since ? mono_now().us - since : 0;
}

static struct store *engine_open(const char *path, bool make, struct err *e)
{
	CLEAN_STORE struct store *s = xcalloc(1, sizeof(*s));

	s->engine = dsn_is_postgres(path) ? &postgres_engine : &sqlite_engine;
	s->wait.patience_us = LOCK_WAIT_US;
	if (s->engine->open(s, path, make, e) < 0)
		return NULL;
	return TAKE(s);
}

struct store *store_open_as_is(const char *path, struct err *e)
{
	return engine_open(path, false, e);
}

/* ERR_NET: others have it. */
static int keep(struct store *s, bool alone, struct err *e)
{
	return s->engine->keep ? s->engine->keep(s, alone, e) : 0;
}

/* What is there is only a part. */
static int copy_unfinished(struct store *s, struct err *e)
{
	int64_t n = 0;

	if (sql_int(s, &n, e, "SELECT count(*) FROM store_copy", "") < 0)
		return -1;
	return n == 0 ? 0
		      : err_set(e, ERR_CONFLICT,
				"store: a copy of rows into it is not finished; go on with "
				"`shithubd "
				"store copy`, or begin with an empty store");
}

enum open_for { OPEN_VERB, OPEN_SERVE, OPEN_COPY };

static struct store *open_whole(const char *path, enum open_for who, struct err *e)
{
	CLEAN_STORE struct store *s = engine_open(path, true, e);

	if (!s || (who != OPEN_VERB && keep(s, who == OPEN_COPY, e) < 0))
		return NULL;
	if (schema_migrate(s, e) < 0 || s->engine->schema_ready(s, e) < 0 ||
		(who != OPEN_COPY && copy_unfinished(s, e) < 0)) {
		err_wrap(e, "%s", path);
		return NULL;
	}
	return TAKE(s);
}

struct store *store_open(const char *path, struct err *e)
{
	return open_whole(path, OPEN_VERB, e);
}

struct store *store_open_to_serve(const char *path, struct err *e)
{
	return open_whole(path, OPEN_SERVE, e);
}

struct store *store_open_to_copy(const char *path, bool as_is, struct err *e)
{
	if (!as_is)
		return open_whole(path, OPEN_COPY, e);
	CLEAN_STORE struct store *s = engine_open(path, false, e);

	return s && keep(s, true, e) == 0 ? TAKE(s) : NULL;
}

int store_sync_later(struct store *s, struct err *e)
{
	return s->engine->sync_later(s, e);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_cache; i++)
		s->engine->drop(s->cache[i].st);
	s->engine->close(s);
	free(s);
}

/* ---- transactions ---- */

/* Some failures make the database roll back everything by itself. */
static void undo(struct store *s, const char *sql)
{
	struct err e = { 0 };

	if (s->engine->in_transaction(s) && sql_run(s, &e, sql, "") < 0 &&
		s->engine->in_transaction(s))
		BUG("%s: %s", sql, e.text);
}

static int tx_open(struct store *s, struct err *e)
{
	if (!s->group.on)
		return s->engine->begin(s, e);
	return sql_group_enter(s, e) < 0 ? -1 : sql_run(s, e, "SAVEPOINT tx", "");
}

int store_begin(struct store *s, struct store_tx *tx, struct err *e)
{
	tx->joined = s->in_tx;
	if (!tx->joined && tx_open(s, e) < 0)
		return -1;
	if (!tx->joined && !s->group.on)
		s->held.since = mono_now();
	s->in_tx = true;
	tx->store = s;
	return 0;
}

static void tx_ended(struct store *s)
{
	if (!s->group.on)
		s->held.us += mono_diff(mono_now(), s->held.since);
	s->in_tx = false;
}

int store_commit(struct store_tx *tx, struct err *e)
{
	struct store *s = tx->store;

	if (!tx->joined && sql_run(s, e, s->group.on ? "RELEASE tx" : "COMMIT", "") < 0)
		return -1; /* still open: the cleanup rolls back */
	if (!tx->joined)
		tx_ended(s);
	s->group.kept |= s->group.on && !s->in_tx;
	tx->store = NULL;
	return 0;
}

void store_rollback(struct store_tx *tx)
{
	struct store *s = tx->store;

	if (!s || tx->joined)
		return;
	if (s->group.on) {
		undo(s, "ROLLBACK TO tx");
		undo(s, "RELEASE tx");
	} else {
		undo(s, "ROLLBACK");
	}
	tx_ended(s);
	tx->store = NULL;
}

/* ---- group commit ---- */

void store_group_begin(struct store *s)
{
	if (s->group.on || s->in_tx)
		BUG("a group inside another transaction");
	s->group.on = true;
}

bool store_group_changed(const struct store *s)
{
	return s->group.kept || s->group.lost;
}

static int group_commit(struct store *s, struct err *e)
{
	if (!s->group.open)
		return 0;
	bool kept = s->group.kept;
	s->group.open = s->group.kept = false;
	s->held.us += mono_diff(mono_now(), s->held.since);
	if (!kept) { /* the disk need not hear of it */
		undo(s, "ROLLBACK");
		return 0;
	}
	if (!s->engine->in_transaction(s)) {
		s->group.lost = true;
		return err_set(e, ERR_INTERNAL, "store: the database took back what was changed");
	}
	if (sql_run(s, e, "COMMIT", "") == 0)
		return 0;
	undo(s, "ROLLBACK");
	s->group.lost = true;
	return -1;
}

int store_group_flush(struct store *s, struct err *e)
{
	if (s->group.open && s->in_tx)
		BUG("a group is committed inside a transaction");
	return group_commit(s, e);
}

void store_group_drop(struct store *s)
{
	s->group.kept = false;
}

int store_group_end(struct store *s, struct err *e)
{
	bool lost = s->group.lost;
	int rc = group_commit(s, e);

	if (rc == 0 && lost)
		rc = err_set(e, ERR_INTERNAL, "store: an earlier commit of the group failed");
	memset(&s->group, 0, sizeof(s->group));
	return rc;
}
