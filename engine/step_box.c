/*
 * The interface of a box, common to both transports: prepare, launch, signal, kill, free.
 *
 * Preparing never blocks and never fails; launch waits for the box and reports what went wrong. The
 * wait runs the event loop, so a callback may free the box meanwhile: `launching` keeps its memory.
 */
#include "engine/step_box_private.h"

static struct step_box *prepare(struct box_job *j, const char *step_id, bool beside)
{
	struct step_box *b = xcalloc(1, sizeof(*b));

	b->job = j;
	b->step_id = xstrdup(step_id);
	b->beside = beside;
	b->transport = j->config->engine.step_io == STEP_IO_ATTACH ? &box_attach_transport
								   : &box_gate_transport;
	b->next = j->boxes;
	j->boxes = b;
	if (j->holder_made || j->holder_failed)
		box_begin(b);
	return b;
}

struct step_box *step_box_prepare(struct box_job *j, const char *step_id)
{
	return prepare(j, step_id, false);
}

struct step_box *step_box_prepare_beside(struct box_job *j, const char *step_id)
{
	return prepare(j, step_id, true);
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
	if (b->transport->launch(b, l, e) == 0)
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
	box_free_later(b->job, b);
	return err_set(e, ERR_CANCELLED, "step container freed before its step began");
}

void step_box_signal(struct step_box *b, int sig)
{
	if (b->state == BOX_RUNNING && !b->killed)
		b->transport->signal(b, sig);
}

bool step_box_pause(
	struct step_box *b, bool on, void (*done)(void *data, const struct err *e), void *data)
{
	struct box_container *c = b->state == BOX_RUNNING ? b->transport->container(b) : NULL;

	return c && box_container_pause(c, on, done, data);
}

void step_box_kill(struct step_box *b)
{
	struct err e = { 0 };

	if (b->killed)
		return;
	b->killed = true;
	if (b->state == BOX_RUNNING) {
		b->transport->kill(b);
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
	b->transport->release(b);
	if (!b->launching)
		box_free_later(b->job, b);
}
