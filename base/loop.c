/*
 * sd-event already forbids the classic mistakes: a source that is unreferenced inside its own
 * callback leaves epoll at once and is freed after the callback. What this layer adds is the same
 * promise for our own object (`running`), one clock sample per dispatch, timers without sd-event's
 * default slack of 250 ms, and a refusal to dispatch recursively.
 *
 * Adding a source fails only without memory or descriptors, or with a descriptor that cannot be
 * polled or is registered twice. None of it can be handled where sources are made, so it is a BUG.
 */
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <systemd/sd-event.h>

struct loop {
	sd_event *event;
	struct mono now; /* valid while dispatching */
	bool dispatching;
	bool stopped;
	int code;
	size_t sources;
	atomic_int_fast64_t longest_us, slow, busy_since_us; /* 0: idle */
};

struct loop_source {
	struct loop *loop;
	sd_event_source *event;
	union {
		loop_fn fn;
		loop_io_fn io_fn;
		loop_signal_fn signal_fn;
	};
	void *data;
	bool running; /* inside its callback */
	bool freed;   /* to be released when the callback returns */
};

/* sd-event treats accuracy 0 as "250 ms will do". */
enum { TIMER_ACCURACY_US = 1 };

struct loop *loop_new(struct err *e)
{
	sd_event *event = NULL;
	int rc = sd_event_new(&event);

	if (rc < 0) {
		err_set_errno(e, -rc, "event loop");
		return NULL;
	}
	struct loop *l = xcalloc(1, sizeof(*l));
	l->event = event;
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->dispatching)
		BUG("loop freed inside a callback");
	if (l->sources > 0)
		BUG("loop freed with %zu sources alive", l->sources);
	sd_event_unref(l->event);
	free(l);
}

struct mono loop_now(const struct loop *l)
{
	return l->dispatching ? l->now : mono_now();
}

/* sources */

static struct loop_source *source_new(struct loop *l, void *data)
{
	struct loop_source *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->data = data;
	l->sources++;
	return s;
}

static void source_release(struct loop_source *s)
{
	s->loop->sources--;
	free(s);
}

void loop_source_free(struct loop_source *s)
{
	if (!s || s->freed)
		return;
	/* leaves epoll now, also inside the callback, so the caller may close the descriptor */
	sd_event_source_disable_unref(s->event);
	s->event = NULL;
	s->freed = true;
	if (!s->running)
		source_release(s);
}

/* Always 0: sd-event would switch a source off for a negative return value. */
static int source_leave(struct loop_source *s)
{
	s->running = false;
	if (s->freed)
		source_release(s);
	return 0;
}

static void source_check(int rc, const char *what)
{
	if (rc < 0)
		BUG("%s: %s", what, strerror(-rc));
}

static void source_enable(struct loop_source *s, int enabled)
{
	source_check(sd_event_source_set_enabled(s->event, enabled), "enable source");
}

static int on_io(sd_event_source *event UNUSED, int fd, uint32_t revents, void *data)
{
	struct loop_source *s = data;

	s->running = true;
	s->io_fn(s, fd, revents, s->data);
	return source_leave(s);
}

static int on_timer(sd_event_source *event UNUSED, uint64_t usec UNUSED, void *data)
{
	struct loop_source *s = data;

	s->running = true;
	s->fn(s, s->data);
	return source_leave(s);
}

static int on_defer(sd_event_source *event UNUSED, void *data)
{
	return on_timer(NULL, 0, data);
}

static int on_signal(sd_event_source *event UNUSED, const struct signalfd_siginfo *si, void *data)
{
	struct loop_source *s = data;

	s->running = true;
	s->signal_fn(s, si, s->data);
	return source_leave(s);
}

struct loop_source *loop_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data)
{
	struct loop_source *s = source_new(l, data);

	s->io_fn = fn;
	source_check(
		sd_event_add_io(l->event, &s->event, fd, events, on_io, s), "watch descriptor");
	if (events == 0)
		source_enable(s, SD_EVENT_OFF);
	return s;
}

void loop_io_events(struct loop_source *s, uint32_t events)
{
	if (s->freed)
		return;
	/* an empty mask still reports EPOLLHUP and EPOLLERR, so pausing means leaving epoll */
	if (events == 0) {
		source_enable(s, SD_EVENT_OFF);
		return;
	}
	source_check(sd_event_source_set_io_events(s->event, events), "change events");
	source_enable(s, SD_EVENT_ON);
}

struct loop_source *loop_pidfd(struct loop *l, int pidfd, loop_io_fn fn, void *data)
{
	int own = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);

	if (own < 0)
		BUG("pidfd %d: %s", pidfd, strerror(errno));
	struct loop_source *s = loop_io(l, own, EPOLLIN, fn, data);
	source_check(sd_event_source_set_io_fd_own(s->event, true), "own pidfd");
	source_enable(s, SD_EVENT_ONESHOT);
	return s;
}

struct loop_source *loop_timer(struct loop *l, struct mono at, loop_fn fn, void *data)
{
	struct loop_source *s = source_new(l, data);

	s->fn = fn;
	source_check(sd_event_add_time(l->event, &s->event, CLOCK_BOOTTIME, UINT64_MAX,
			     TIMER_ACCURACY_US, on_timer, s),
		"add timer");
	loop_timer_set(s, at);
	return s;
}

void loop_timer_set(struct loop_source *s, struct mono at)
{
	if (s->freed)
		return;
	if (at.us == MONO_NEVER.us) {
		source_enable(s, SD_EVENT_OFF);
		return;
	}
	uint64_t usec = at.us < 0 ? 0 : (uint64_t)at.us;
	source_check(sd_event_source_set_time(s->event, usec), "set timer");
	source_enable(s, SD_EVENT_ONESHOT);
}

struct loop_source *loop_defer(struct loop *l, loop_fn fn, void *data)
{
	struct loop_source *s = source_new(l, data);

	s->fn = fn;
	/* sd-event adds these as one-shot */
	source_check(sd_event_add_defer(l->event, &s->event, on_defer, s), "add deferred call");
	return s;
}

void loop_defer_arm(struct loop_source *s)
{
	if (!s->freed)
		source_enable(s, SD_EVENT_ONESHOT);
}

struct loop_source *loop_signal(struct loop *l, int sig, loop_signal_fn fn, void *data)
{
	struct loop_source *s = source_new(l, data);
	sigset_t set;

	s->signal_fn = fn;
	sigemptyset(&set);
	sigaddset(&set, sig);
	source_check(-pthread_sigmask(SIG_BLOCK, &set, NULL), "block signal");
	source_check(sd_event_add_signal(l->event, &s->event, sig, on_signal, s), "watch signal");
	return s;
}

/* dispatching */

static void dispatch_timed(struct loop *l)
{
	int64_t took = mono_diff(mono_now(), l->now), longest = l->longest_us;

	l->busy_since_us = 0;
	if (took > LOOP_SLOW_US)
		l->slow++;
	/* whoever asks sets it to 0, so it may have become smaller */
	while (took > longest && !atomic_compare_exchange_weak(&l->longest_us, &longest, took))
		;
}

/* One dispatch, or none when timeout_us passes first. */
static int loop_tick(struct loop *l, uint64_t timeout_us, struct err *e)
{
	int rc = sd_event_prepare(l->event);

	if (rc == 0)
		rc = sd_event_wait(l->event, timeout_us);
	if (rc > 0) {
		l->now = mono_now();
		l->busy_since_us = l->now.us;
		l->dispatching = true;
		rc = sd_event_dispatch(l->event);
		l->dispatching = false;
		dispatch_timed(l);
	}
	return rc < 0 ? err_set_errno(e, -rc, "event loop") : 0;
}

int64_t loop_longest_us(struct loop *l)
{
	return atomic_exchange(&l->longest_us, 0);
}

int64_t loop_slow_count(const struct loop *l)
{
	return l->slow;
}

int64_t loop_busy_us(const struct loop *l)
{
	int64_t since = l->busy_since_us;

	return since ? mono_now().us - since : 0;
}

int loop_wait(struct loop *l, const bool *flag, struct mono deadline, struct err *e)
{
	if (l->dispatching)
		BUG("loop_wait inside a callback");
	while (!*flag) {
		uint64_t timeout = UINT64_MAX;

		if (deadline.us != MONO_NEVER.us) {
			int64_t left = mono_diff(deadline, mono_now());

			if (left <= 0)
				return err_set(e, ERR_TIMEOUT, "timed out");
			timeout = (uint64_t)left;
		}
		if (loop_tick(l, timeout, e) < 0)
			return -1;
	}
	return 0;
}

int loop_run(struct loop *l, struct err *e)
{
	if (l->dispatching)
		BUG("loop_run inside a callback");
	while (!l->stopped)
		if (loop_tick(l, UINT64_MAX, e) < 0)
			return -1;
	l->stopped = false;
	return l->code;
}

void loop_stop(struct loop *l, int code)
{
	l->stopped = true;
	l->code = code;
}
