/* The box's state machine, common to both ways. */
#include "engine/step_box_private.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"

static const char *const state_names[] = { "waiting", "preparing", "ready", "failed", "running",
	"spent" };

static void box_to(struct step_box *b, enum box_state to)
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
	if (e)
		b->error = *e;
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
	else if (b->way->prepare(b, &e) < 0)
		box_settle(b, &e);
}

struct step_box *step_box_prepare(struct box_job *j, const char *step_id)
{
	struct step_box *b = xcalloc(1, sizeof(*b));

	b->job = j;
	b->step_id = xstrdup(step_id);
	b->way = j->config->engine.step_io == STEP_IO_ATTACH ? &box_way_attach : &box_way_gate;
	b->next = j->boxes;
	j->boxes = b;
	if (j->holder_up || j->holder_failed)
		box_begin(b);
	return b;
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

static int launch_check(const struct step_launch *l, struct err *e)
{
	if (!l->argv || l->argv->n == 0 || str_empty(l->argv->v[0]))
		return err_set(e, ERR_INPUT, "step: expected a command, got none");
	if (str_empty(l->working_dir) || l->working_dir[0] != '/')
		return err_set(e, ERR_INPUT,
			"step: working directory %s: expected an absolute path",
			l->working_dir ? l->working_dir : "(none)");
	if (l->script_name && (!*l->script_name || l->script_name[0] == '.' ||
				      strchr(l->script_name, '/') || strlen(l->script_name) > 64))
		return err_set(e, ERR_INPUT, "step: script name %s: expected a plain file name",
			l->script_name);
	return 0;
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

/* Waits for the box, then hands the step over. */
static int launch_when_ready(struct step_box *b, const struct step_launch *l, struct err *e)
{
	if (box_wait(b->job, &b->settled, e) < 0)
		return err_wrap(e, "step container not ready within %d s",
			(int)(b->job->ready_us / USEC_PER_SEC));
	if (b->freed)
		return -1;
	if (b->state == BOX_FAILED) {
		if (e)
			*e = b->error;
		return -1;
	}
	b->on_output = l->on_output;
	b->on_exit = l->on_exit;
	b->data = l->data;
	b->result = (struct step_result){ 0 };
	box_to(b, BOX_RUNNING);
	if (b->way->launch(b, l, e) == 0)
		return 0;
	box_to(b, BOX_SPENT);
	return -1;
}

int step_box_launch(struct step_box *b, const struct step_launch *l, struct err *e)
{
	int rc;

	if (b->state == BOX_RUNNING || b->launching)
		BUG("box %s launched while it runs", b->step_id);
	if (launch_check(l, e) < 0)
		return -1;
	if (b->state == BOX_SPENT)
		return err_set(e, ERR_CONFLICT, "box %s: spent, it served its step", b->step_id);
	b->launching = true;
	rc = launch_when_ready(b, l, e);
	b->launching = false;
	if (!b->freed)
		return rc;
	/* a callback freed it while we waited; its memory was kept for this line */
	box_job_bury(b->job, b);
	return err_set(e, ERR_CANCELLED, "step container freed before its step began");
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

void step_box_signal(struct step_box *b, int sig)
{
	if (b->state == BOX_RUNNING && !b->killed)
		b->way->signal(b, sig);
}

void step_box_kill(struct step_box *b)
{
	struct err e = { 0 };

	if (b->killed)
		return;
	b->killed = true;
	if (b->state == BOX_RUNNING) {
		b->way->kill(b);
		return;
	}
	err_set(&e, ERR_CANCELLED, "step container killed before its step began");
	box_settle(b, &e);
}

void step_box_free(struct step_box *b)
{
	struct step_box **p;

	if (!b || b->freed)
		return;
	b->freed = true;
	for (p = &b->job->boxes; *p != b; p = &(*p)->next)
		;
	*p = b->next;
	b->settled = true;
	b->way->release(b);
	if (!b->launching)
		box_job_bury(b->job, b);
}
