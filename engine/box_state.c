/*
 * What becomes of a box, for everyone who moves one on: the holder that was made, the transport
 * behind the box, step_box.c. It stands below them, so that a transport needs nothing of those who
 * call it.
 *
 * A box whose owner let go of it in a callback is freed in the next dispatch, because its transport
 * is still on the stack.
 */
#include "engine/step_box_private.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"

static const char *const state_names[] = { "waiting", "preparing", "ready", "failed", "running",
	"spent" };

void box_to(struct step_box *b, enum box_state to)
{
	trace("engine", "box %s: %s -> %s", b->step_id, state_names[b->state], state_names[to]);
	b->state = to;
	b->settled = to == BOX_READY || to == BOX_FAILED;
}

void box_settle(struct step_box *b, const struct err *e)
{
	if (b->freed ||
		(b->state != BOX_WAITING && b->state != BOX_PREPARING && b->state != BOX_READY))
		return;
	if (e) /* of a holder that failed, its own */
		b->error = b->job->holder_failed ? b->job->holder_error : *e;
	box_to(b, e ? BOX_FAILED : BOX_READY);
}

void box_begin(struct step_box *b)
{
	struct err e = { 0 };

	if (b->state != BOX_WAITING)
		return;
	box_to(b, BOX_PREPARING);
	if (b->job->holder_failed)
		box_settle(b, &b->job->holder_error);
	else if (b->transport->prepare(b, &e) < 0)
		box_settle(b, &e);
}

void box_argv(const struct strv *argv, const char *path, struct strv *ret)
{
	strv_each (arg, argv) {
		CLEAN_BUF struct buf out = BUF_INIT(LIMIT_GATE_MESSAGE);
		const char *at;

		while (path && (at = strstr(arg, "{0}"))) {
			buf_add(&out, arg, (size_t)(at - arg));
			buf_adds(&out, path);
			arg = at + strlen("{0}");
		}
		buf_adds(&out, arg);
		strv_add_take(ret, buf_take(&out));
	}
}

int box_wait(struct box_job *j, const bool *settled, struct err *e)
{
	struct err why = { 0 };

	while (loop_wait(j->loop, settled, mono_add(mono_now(), j->ready_us), &why) < 0) {
		if (!box_outage_on(&j->containers.outage)) {
			if (e)
				*e = why;
			return -1;
		}
		err_clear(&why);
	}
	return 0;
}

bool box_ask_later(struct step_box *b, const struct err *e, int64_t *ret_pause_us)
{
	struct box_list *list = &b->job->containers;

	return !b->killed && box_outage_wait(&list->outage, loop_now(list->loop), e, ret_pause_us);
}

bool box_output(struct step_box *b, const char *p, size_t n)
{
	if (b->state == BOX_RUNNING && !b->freed)
		b->on_output(b->data, p, n);
	return !b->freed;
}

void box_finish(struct step_box *b, bool reusable)
{
	if (b->freed || b->state != BOX_RUNNING)
		return;
	box_to(b, reusable ? BOX_READY : BOX_SPENT);
	b->on_exit(b->data, &b->result);
}

/* ---- memory ---- */

void box_free_pending(struct box_job *j)
{
	while (j->dead) {
		struct step_box *b = j->dead;

		j->dead = b->next;
		free(b->step_id);
		free(b->impl);
		free(b);
	}
}

static void on_free_later(struct loop_source *s UNUSED, void *data)
{
	struct box_job *j = data;

	loop_source_unref(&j->free_later);
	box_free_pending(j);
}

void box_free_later(struct box_job *j, struct step_box *b)
{
	b->next = j->dead;
	j->dead = b;
	if (!j->free_later)
		j->free_later = loop_defer(j->loop, on_free_later, j);
}
