/*
 * Each commit waits for the disk, and the disk takes longer than the calls themselves. So the
 * server hands us its turns, and a turn is a group of the store (coordinator/store/store.h).
 *
 * When another process has the write lock, a turn waits as long as its callers are likely to; then
 * they hear 503 and come again. Connections are served meanwhile, on their own thread.
 */
#include "coordinator/app/turn.h"

#include <inttypes.h>

#include "coordinator/instance/lease.h"
#include "coordinator/store/store.h"

#define PATIENCE_US (5 * USEC_PER_SEC)
#define NOTABLE_US (USEC_PER_SEC / 4) /* our own other threads have the lock for less */

static void turn_call(void *app, struct mono arrived)
{
	struct app *a = app;

	store_wait_until(a->store, mono_add(arrived, PATIENCE_US));
}

static void turn_begin(void *app)
{
	struct app *a = app;

	turn_call(a, mono_now());
	store_group_begin(a->store);
	metrics_turn_begin(&a->metrics);
}

static bool turn_changed(void *app)
{
	const struct app *a = app;

	return store_group_changed(a->store);
}

/* What the turn changed and the word of it are one transaction, so nobody looks too early. One that
 * is lost costs a few seconds: each serve looks by itself as well. */
static void others_wake(struct app *a)
{
	struct err e = { 0 };

	if (TAKE_VALUE(a->wakes_others, false) && store_tell(a->store, "wake", &e) < 0)
		log_warn("serve", "other_serves_not_told", F_ERR(&e));
}

static int turn_commit(void *app, struct err *e)
{
	struct app *a = app;

	others_wake(a);
	bool changed = store_group_changed(a->store);
	int rc = store_group_end(a->store, e);

	store_wait_until(a->store, (struct mono){ 0 });
	metrics_turn_end(&a->metrics, rc == 0);
	if (changed)
		a->store_fails = rc < 0;
	return rc;
}

int turn_flush(struct app *a, struct err *e)
{
	others_wake(a);
	if (store_group_flush(a->store, e) < 0)
		return -1;
	if (a->metrics.in_turn)
		metrics_turn_stored(&a->metrics);
	httpd_turn_flushed(a->httpd);
	return 0;
}

const struct httpd_turn app_turn = { turn_begin, turn_call, turn_changed, turn_commit };

bool app_healthy(const struct app *a, struct buf *out)
{
	int64_t locked = store_locked_us(a->store), busy = loop_busy_us(a->loop);
	bool stuck = locked > PATIENCE_US || busy > PATIENCE_US || a->store_fails;

	buf_adds(out, stuck ? "not well\n" : "ok\n");
	if (locked > NOTABLE_US)
		buf_addf(out, "another process has held the store's lock for %" PRId64 " ms\n",
			locked / USEC_PER_MSEC);
	else if (busy > PATIENCE_US)
		buf_addf(out, "one call has taken %" PRId64 " ms\n", busy / USEC_PER_MSEC);
	if (a->store_fails)
		buf_adds(out, "the store could not write\n");
	return !stuck;
}
