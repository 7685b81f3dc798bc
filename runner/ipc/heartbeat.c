/*
 * The job's half of noticing that a job process hangs. A timer of the event loop sends the message,
 * not a thread or an alarm signal: a thread would still send it while the main path is stuck in an
 * endless computation or in a file system that does not answer. A stopped process (SIGSTOP) sends
 * nothing either.
 */
#include "runner/ipc/heartbeat.h"

#include "base/log.h"
#include "runner/ipc/channel.h"

struct job_heartbeat {
	struct loop *loop;
	struct loop_source *timer;
	int channel;
};

static void send_heartbeat(struct job_heartbeat *h)
{
	struct channel_message m = { .type = CHANNEL_HEARTBEAT, .fd = -1 };
	struct err e = { 0 };

	/* a full channel holds other messages, which count as well */
	if (channel_send(h->channel, &m, &e) < 0)
		trace("job", "heartbeat: %s", e.text);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct job_heartbeat *h = data;

	send_heartbeat(h);
	loop_timer_set(src, mono_add(loop_now(h->loop), JOB_HEARTBEAT_US));
}

struct job_heartbeat *job_heartbeat_new(struct loop *l, int channel)
{
	struct job_heartbeat *h = xcalloc(1, sizeof(*h));

	*h = (struct job_heartbeat){ .loop = l, .channel = channel };
	send_heartbeat(h);
	h->timer = loop_timer(l, mono_add(loop_now(l), JOB_HEARTBEAT_US), on_timer, h);
	return h;
}

void job_heartbeat_free(struct job_heartbeat *h)
{
	if (!h)
		return;
	loop_source_unref(&h->timer);
	free(h);
}
