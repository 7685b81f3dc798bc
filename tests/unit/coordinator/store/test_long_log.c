/* A log that is longer than what should be in memory at a time. */
#include <malloc.h>

#include "base/limits.h"
#include "coordinator/store/log.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/coordinator_help.h"

static size_t memory_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

struct walk {
	size_t before, most, chunks;
};

static int memory_note(void *data, const char *p UNUSED, size_t n)
{
	struct walk *w = data;
	size_t now = memory_used();

	assert_int_equal(LIMIT_LOG_CHUNK, n);
	w->chunks++;
	if (now > w->before + w->most)
		w->most = now - w->before;
	return 0;
}

/* A log may have hundreds of megabytes, and is read while others are served. */
static void test_a_long_log_is_never_in_memory_as_a_whole(void **state UNUSED)
{
	enum { CHUNKS = 67 };
	struct world w;
	struct err e = { 0 };
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_STR char *text = xcalloc(CHUNKS, LIMIT_LOG_CHUNK);
	struct walk walk = { 0 };

	world_open(&w);
	RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	must_err(store_log_step(w.app.store, job.id, 0, &t, &e));
	memset(text, 'x', (size_t)CHUNKS * LIMIT_LOG_CHUNK);
	must_err(store_log_put(w.app.store, &t, 0,
		(struct slice){ text, (size_t)CHUNKS * LIMIT_LOG_CHUNK }, SLICE(""), wall_now(),
		&e));
	walk.before = memory_used();
	must_err(store_log_each(w.app.store, t.id, memory_note, &walk, &e));
	assert_int_equal(CHUNKS, walk.chunks);
	assert_true(walk.most < (size_t)CHUNKS / 2 * LIMIT_LOG_CHUNK);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_long_log_is_never_in_memory_as_a_whole),
	};

	return cmocka_run_group_tests_name("a long log", tests, NULL, NULL);
}
