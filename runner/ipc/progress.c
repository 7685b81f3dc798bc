/*
 * The sender compares with what it sent last and stays silent when nothing changed; it never waits
 * for room in the channel. The view trusts nothing: the job process runs next to hostile input, so
 * an impossible value means that it was taken over, and the supervisor kills it.
 */
#include "runner/ipc/progress.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "runner/ipc/channel.h"

#define SEND_INTERVAL_US (USEC_PER_SEC / PROGRESS_PER_SECOND)
/* How often the queue is checked while nothing else happens. */
#define CHECK_INTERVAL_US USEC_PER_SEC

/* ---- supervisor ---- */

static bool well_formed(const struct progress *p)
{
	return p->step >= -1 && p->steps >= 0 && p->steps <= LIMIT_STEPS &&
	       (p->step < 0 || p->step < p->steps) && p->step_since.us >= 0 &&
	       memchr(p->name, '\0', sizeof(p->name)) && utf8_valid(p->name, strlen(p->name));
}

int progress_take(struct progress_view *v, const struct progress *p, struct mono now, struct err *e)
{
	if (!well_formed(p) || p->masked < v->last.masked ||
		p->engine_errors < v->last.engine_errors ||
		!histogram_grew(&v->last.step_seconds, &p->step_seconds))
		return err_set(e, ERR_PROTO, "job channel: impossible progress");
	if (v->first_step.us == 0 && (p->step >= 0 || histogram_count(&p->step_seconds) > 0))
		v->first_step = now;
	v->last = *p;
	return 0;
}

/* ---- job process ---- */

struct progress_sender {
	struct progress_sender_spec spec;
	struct progress now, sent;
	struct mono begun; /* the step that runs */
	struct mono next;  /* no message before */
	struct loop_source *timer;
};

static void send_now(struct progress_sender *s)
{
	struct channel_message m = { .type = CHANNEL_PROGRESS, .fd = -1 };
	struct err ignored = { 0 };

	s->spec.fill(s->spec.data, &s->now);
	if (memcmp(&s->now, &s->sent, sizeof(s->now)) == 0)
		return;
	m.progress = s->now;
	s->next = mono_add(loop_now(s->spec.loop), SEND_INTERVAL_US);
	/* a channel that is full or closed: the next message says the same */
	if (channel_send(s->spec.channel, &m, &ignored) == 0)
		s->sent = s->now;
}

static void send_soon(struct progress_sender *s)
{
	if (loop_now(s->spec.loop).us >= s->next.us)
		send_now(s);
	else
		loop_timer_set(s->timer, s->next);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct progress_sender *s = data;

	send_now(s);
	loop_timer_set(src, mono_add(loop_now(s->spec.loop), CHECK_INTERVAL_US));
}

struct progress_sender *progress_sender_new(const struct progress_sender_spec *spec)
{
	struct progress_sender *s = xcalloc(1, sizeof(*s));

	s->spec = *spec;
	s->now.step = s->sent.step = -1;
	s->timer = loop_timer(
		spec->loop, mono_add(loop_now(spec->loop), CHECK_INTERVAL_US), on_timer, s);
	return s;
}

void progress_sender_free(struct progress_sender *s)
{
	if (!s)
		return;
	send_now(s);
	loop_source_unref(&s->timer);
	free(s);
}

/* Cut at a character, whatever bytes it came from. */
static void set_name(struct progress *p, const char *name)
{
	CLEAN_STR char *text = text_printable(name ? name : "");
	size_t n = utf8_cut(text, sizeof(p->name) - 1);

	memset(p->name, 0, sizeof(p->name));
	memcpy(p->name, text, n);
}

void progress_step_begin(struct progress_sender *s, size_t step, size_t steps, const char *name)
{
	if (!s)
		return;
	s->now.step = (int64_t)step;
	s->now.steps = (int64_t)steps;
	s->now.step_since = wall_now();
	s->begun = mono_now();
	set_name(&s->now, name);
	send_soon(s);
}

void progress_step_end(struct progress_sender *s)
{
	if (!s || s->now.step < 0)
		return;
	histogram_add(&s->now.step_seconds, mono_diff(mono_now(), s->begun));
	s->now.step = -1;
	s->now.step_since = (struct wall){ 0 };
	set_name(&s->now, "");
	send_soon(s);
}

void progress_error(struct progress_sender *s, const struct err *e, bool alone)
{
	if (!s || (!err_is(e, ERR_ENGINE) && !(alone && err_is(e, ERR_NET))))
		return;
	s->now.engine_errors++;
	send_soon(s);
}
