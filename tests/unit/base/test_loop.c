/* Sources that end inside their own callback, timers, waiting: the promises of base/loop.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/loop.h"

struct seen {
	struct loop *loop;
	struct loop_source *source, *other;
	int count, other_count;
	bool done;
	char order[16];
};

static struct loop *new_loop(void)
{
	struct err e = { 0 };
	struct loop *l = loop_new(&e);

	assert_non_null(l);
	return l;
}

static struct mono soon(struct loop *l)
{
	return mono_add(loop_now(l), 5 * USEC_PER_SEC);
}

static void wait_done(struct seen *s)
{
	struct err e = { 0 };

	assert_int_equal(loop_wait(s->loop, &s->done, soon(s->loop), &e), 0);
	s->done = false;
}

static void on_fire(struct loop_source *s UNUSED, void *data)
{
	struct seen *seen = data;

	seen->count++;
	seen->done = true;
}

static void timer_fires_once_and_again_when_set(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };
	struct mono start = mono_now();
	struct err e = { 0 };

	s.source = loop_timer(s.loop, mono_add(start, 3000), on_fire, &s);
	wait_done(&s);
	int64_t took = mono_diff(mono_now(), start);
	assert_in_range(took, 3000, 200000);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 5000), &e), -1);
	assert_int_equal(e.class, ERR_TIMEOUT);
	assert_int_equal(s.count, 1);
	loop_timer_set(s.source, mono_now());
	wait_done(&s);
	assert_int_equal(s.count, 2);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

static void idle_timer_never_fires(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };
	struct err e = { 0 };

	s.source = loop_timer(s.loop, mono_now(), on_fire, &s);
	loop_timer_set(s.source, MONO_NEVER);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 2000), &e), -1);
	assert_int_equal(s.count, 0);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

static void deferred_runs_once_until_armed(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };
	struct err e = { 0 };

	s.source = loop_defer(s.loop, on_fire, &s);
	wait_done(&s);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 2000), &e), -1);
	loop_defer_arm(s.source);
	loop_defer_arm(s.source);
	wait_done(&s);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 2000), &e), -1);
	assert_int_equal(s.count, 2);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

static void free_self(struct loop_source *s, void *data)
{
	struct seen *seen = data;

	loop_source_free(s);
	/* still ours until we return */
	loop_defer_arm(s);
	loop_timer_set(s, mono_now());
	seen->source = NULL;
	seen->count++;
	seen->done = true;
}

static void source_may_free_itself(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };

	s.source = loop_defer(s.loop, free_self, &s);
	wait_done(&s);
	s.source = loop_timer(s.loop, mono_now(), free_self, &s);
	wait_done(&s);
	assert_int_equal(s.count, 2);
	loop_free(s.loop);
}

static void free_other(struct loop_source *s UNUSED, void *data)
{
	struct seen *seen = data;

	loop_source_unref(&seen->other);
	on_fire(s, data);
}

static void source_may_free_a_pending_one(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() }, never = { 0 };
	struct err e = { 0 };

	s.source = loop_defer(s.loop, free_other, &s);
	s.other = loop_defer(s.loop, on_fire, &never);
	wait_done(&s);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 2000), &e), -1);
	assert_int_equal(never.count, 0);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

static void on_readable(struct loop_source *s UNUSED, int fd, uint32_t events, void *data)
{
	struct seen *seen = data;
	char c;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &c, 1), 1);
	seen->count++;
	seen->done = true;
}

static void io_fires_and_pauses(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };
	struct err e = { 0 };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	s.source = loop_io(s.loop, fds[0], EPOLLIN, on_readable, &s);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	wait_done(&s);
	loop_io_events(s.source, 0);
	/* the writer's end makes EPOLLHUP, which an empty mask would report */
	close(fds[1]);
	assert_int_equal(loop_wait(s.loop, &s.done, mono_add(mono_now(), 2000), &e), -1);
	loop_io_events(s.source, EPOLLIN);
	wait_done(&s);
	assert_int_equal(s.count, 2);
	loop_source_unref(&s.source);
	close(fds[0]);
	loop_free(s.loop);
}

/* Frees the source, closes the descriptor and opens another one of the same number at once. */
static void reopen_same_number(
	struct loop_source *source, int fd, uint32_t events UNUSED, void *data)
{
	struct seen *s = data;
	int fds[2];

	loop_source_unref(&source);
	close(fd);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fds[0], fd);
	s->source = loop_io(s->loop, fds[0], EPOLLIN, on_readable, s);
	assert_int_equal(write(fds[1], "x", 1), 1);
	close(fds[1]);
}

static void descriptor_number_is_reused_at_once(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	s.source = loop_io(s.loop, fds[0], EPOLLIN, reopen_same_number, &s);
	close(fds[1]);
	wait_done(&s);
	assert_int_equal(s.count, 1);
	loop_source_unref(&s.source);
	close(fds[0]);
	loop_free(s.loop);
}

static void on_signal(struct loop_source *s UNUSED, const struct signalfd_siginfo *si, void *data)
{
	struct seen *seen = data;

	assert_int_equal(si->ssi_signo, SIGUSR1);
	seen->count++;
	seen->done = true;
}

static void signal_is_delivered_by_the_loop(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };

	s.source = loop_signal(s.loop, SIGUSR1, on_signal, &s);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	wait_done(&s);
	assert_int_equal(s.count, 1);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

static void stop_seven(struct loop_source *s UNUSED, void *data)
{
	loop_stop(data, 7);
}

static void run_returns_the_code_of_stop(void **state UNUSED)
{
	struct loop *l CLEANUP(loop_freep) = new_loop();
	struct err e = { 0 };
	struct loop_source *s = loop_defer(l, stop_seven, l);

	assert_int_equal(loop_run(l, &e), 7);
	loop_stop(l, 3);
	assert_int_equal(loop_run(l, &e), 3);
	loop_source_unref(&s);
}

static void note_now(struct loop_source *s, void *data)
{
	struct seen *seen = data;
	struct mono first = loop_now(seen->loop);
	struct mono spin = mono_add(mono_now(), 200);

	while (mono_diff(mono_now(), spin) < 0)
		;
	assert_int_equal(loop_now(seen->loop).us, first.us);
	on_fire(s, data);
}

static void now_stands_still_in_a_tick(void **state UNUSED)
{
	struct seen s = { .loop = new_loop() };

	s.source = loop_defer(s.loop, note_now, &s);
	wait_done(&s);
	struct mono before = mono_now();
	assert_true(mono_diff(loop_now(s.loop), before) >= 0);
	loop_source_unref(&s.source);
	loop_free(s.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timer_fires_once_and_again_when_set),
		cmocka_unit_test(idle_timer_never_fires),
		cmocka_unit_test(deferred_runs_once_until_armed),
		cmocka_unit_test(source_may_free_itself),
		cmocka_unit_test(source_may_free_a_pending_one),
		cmocka_unit_test(io_fires_and_pauses),
		cmocka_unit_test(descriptor_number_is_reused_at_once),
		cmocka_unit_test(signal_is_delivered_by_the_loop),
		cmocka_unit_test(run_returns_the_code_of_stop),
		cmocka_unit_test(now_stands_still_in_a_tick),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
