/*
 * systemd cuts nothing and forgets nothing, so the status line is sent only when it changed; and
 * RELOADING wants CLOCK_MONOTONIC, which our own clock is not.
 */
#include "runner/supervisor/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>

/* While jobs finish systemd is asked again and again for more time, so that its TimeoutStopSec=
 * bounds only a runner that hangs. */
#define STOP_ASK_US (20 * USEC_PER_SEC)
#define STOP_MORE_US (60 * USEC_PER_SEC)

struct notify {
	struct loop *loop;
	struct loop_source *dog, *more;
	int64_t dog_us;
	char status[160];
};

static void on_dog(struct loop_source *src, void *data)
{
	struct notify *n = data;

	sd_notify(0, "WATCHDOG=1");
	loop_timer_set(src, mono_add(loop_now(n->loop), n->dog_us));
}

struct notify *notify_new(struct loop *l)
{
	struct notify *n = xcalloc(1, sizeof(*n));
	uint64_t interval_us = 0;

	n->loop = l;
	if (sd_watchdog_enabled(0, &interval_us) > 0 && interval_us < INT64_MAX) {
		n->dog_us = (int64_t)interval_us / 2;
		n->dog = loop_timer(l, loop_now(l), on_dog, n);
	}
	return n;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	loop_source_unref(&n->dog);
	loop_source_unref(&n->more);
	free(n);
}

void notify_ready(struct notify *n)
{
	(void)n;
	sd_notify(0, "READY=1");
}

static void on_more(struct loop_source *src, void *data)
{
	struct notify *n = data;

	sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, STOP_MORE_US);
	loop_timer_set(src, mono_add(loop_now(n->loop), STOP_ASK_US));
}

void notify_stopping(struct notify *n)
{
	sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64, STOP_MORE_US);
	if (!n->more)
		n->more = loop_timer(n->loop, mono_add(loop_now(n->loop), STOP_ASK_US), on_more, n);
}

/* systemd wants CLOCK_MONOTONIC here, which struct mono is not. */
void notify_reloading(struct notify *n)
{
	struct timespec t;

	(void)n;
	clock_gettime(CLOCK_MONOTONIC, &t);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		(int64_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000);
}

void notify_status(struct notify *n, const char *fmt, ...)
{
	char text[sizeof(n->status)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (strcmp(text, n->status) == 0)
		return;
	memcpy(n->status, text, sizeof(text));
	sd_notifyf(0, "STATUS=%s", text);
}
