/*
 * One event loop per process, over libsystemd's sd-event. Sources are owned objects: free them when
 * done, also inside their own callback (the free is deferred to the end of the dispatch).
 * Callbacks return nothing; what they have to report they store in their own object.
 *
 * Sequential code waits on the loop: start something whose callback sets a flag, then
 * loop_wait(loop, &flag, deadline). Never call loop_wait from inside a callback (BUG).
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct loop_source;

struct loop *loop_new(struct err *e) CHECK_RESULT;
void loop_free(struct loop *l); /* NULL fine; all sources must be freed before */
static inline void loop_freep(struct loop **l)
{
	loop_free(*l);
	*l = NULL;
}

struct mono loop_now(const struct loop *l); /* sampled once a tick; fresh outside callbacks */

typedef void (*loop_fn)(struct loop_source *s, void *data);
typedef void (*loop_io_fn)(struct loop_source *s, int fd, uint32_t events, void *data);
typedef void (*loop_signal_fn)(
	struct loop_source *s, const struct signalfd_siginfo *si, void *data);

/* events: EPOLLIN/EPOLLOUT. The fd stays the caller's, has one source at most, and is something
 * epoll takes (no regular file); free the source before closing it. */
struct loop_source *loop_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data);
void loop_io_events(struct loop_source *s, uint32_t events); /* 0 pauses */
/* Fires once when the process behind pidfd ended. Watches its own duplicate, so fn may reap and
 * close pidfd before it frees the source. */
struct loop_source *loop_pidfd(struct loop *l, int pidfd, loop_io_fn fn, void *data);
/* Fires once at `at`, then stays idle until set again. MONO_NEVER: idle. */
struct loop_source *loop_timer(struct loop *l, struct mono at, loop_fn fn, void *data);
void loop_timer_set(struct loop_source *s, struct mono at);
/* Runs once in the next tick, then must be re-armed with loop_defer_arm or freed. */
struct loop_source *loop_defer(struct loop *l, loop_fn fn, void *data);
void loop_defer_arm(struct loop_source *s);
/* Blocks the signal for the process and delivers it here. */
struct loop_source *loop_signal(struct loop *l, int sig, loop_signal_fn fn, void *data);
void loop_source_free(struct loop_source *s); /* NULL fine */
static inline void loop_source_unref(struct loop_source **s)
{
	loop_source_free(*s);
	*s = NULL;
}

/* How long callbacks took. Any thread may ask. */
#define LOOP_SLOW_US (20 * USEC_PER_MSEC)
int64_t loop_longest_us(struct loop *l);       /* of one, since this was asked last */
int64_t loop_slow_count(const struct loop *l); /* took more than LOOP_SLOW_US, since the start */
int64_t loop_busy_us(const struct loop *l);    /* of the one that runs now; 0: none does */

/* Dispatches until *flag: 0, or -1 with ERR_TIMEOUT at deadline (MONO_NEVER: none) or ERR_IO. */
int loop_wait(struct loop *l, const bool *flag, struct mono deadline, struct err *e) CHECK_RESULT;
/* Dispatches until loop_stop(); returns the code given there. */
int loop_run(struct loop *l, struct err *e) CHECK_RESULT;
void loop_stop(struct loop *l, int code);

#endif
