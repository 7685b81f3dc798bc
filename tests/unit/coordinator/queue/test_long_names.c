/*
 * What rows are found by has limits: the longest that is let in fits the indexes of PostgreSQL,
 * also where it cannot be compressed, and one byte more is refused by name.
 */
#include "coordinator/queue/run_create.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/postgres_help.h"

#define SHA "0123456789012345678901234567890123456789"
enum { LABEL_LEN = 100 };

struct names {
	struct store *store;
	char *address;
	int64_t repo_id;
	char *ref, *file, *name, *keys[2];
	struct strv labels, needs;
};

/* Of 64 characters: no two texts alike. */
static char *noise(size_t n)
{
	char *text = xcalloc(1, n + 1);

	for (size_t i = 0; i < n; i++)
		text[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			[random_below(64)];
	return text;
}

static void names_open(struct names *n)
{
	struct err e = { 0 };

	*n = (struct names){ .address = postgres_place_make(),
		.ref = noise(LIMIT_REF),
		.file = noise(LIMIT_WORKFLOW_PATH),
		.name = noise(LIMIT_WORKFLOW_NAME + 1),
		.keys = { noise(LIMIT_JOB_KEY), noise(LIMIT_JOB_KEY) } };
	for (size_t i = 0; i < LIMIT_JOB_LABELS; i++) {
		CLEAN_STR char *label = noise(LABEL_LEN);

		strv_add(&n->labels, label);
	}
	strv_add(&n->needs, n->keys[0]);
	n->store = store_open(n->address, &e);
	if (!n->store || store_repo_add(n->store, "ada", "demo", false, "trunk", wall_now(),
				 &n->repo_id, &e) < 0)
		fail_msg("%s", e.text);
}

static void names_close(struct names *n)
{
	char *texts[] = { n->ref, n->file, n->name, n->keys[0], n->keys[1] };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	strv_release(&n->labels);
	strv_release(&n->needs);
	store_free(n->store);
	postgres_place_drop(n->address);
	free(n->address);
}

static int make(struct names *n, struct run_created *ret, struct err *e)
{
	const struct run_step_spec step = { .run = "true" };
	const struct run_job_spec jobs[] = {
		{ .key = n->keys[0], .runs_on = &n->labels, .steps = &step, .n_steps = 1 },
		{ .key = n->keys[1],
			.runs_on = &n->labels,
			.needs = &n->needs,
			.steps = &step,
			.n_steps = 1 },
	};
	const struct run_spec spec = { .repo_id = n->repo_id,
		.workflow_file = n->file,
		.workflow_name = n->name,
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA,
		.head_ref = n->ref,
		.actor = "ada",
		.jobs = jobs,
		.n_jobs = ARRAY_LEN(jobs) };

	return store_run_create(n->store, &spec, wall_now(), ret, e);
}

static void test_the_longest_fit(void **state UNUSED)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	struct run_created made;
	struct err e = { 0 };
	struct names n;

	names_open(&n);
	if (make(&n, &made, &e) < 0 || store_run_get(n.store, made.run_id, &run, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(LIMIT_WORKFLOW_NAME, strlen(run.workflow_name));
	assert_memory_equal(n.name, run.workflow_name, LIMIT_WORKFLOW_NAME);
	assert_string_equal(n.ref, run.head_ref);
	names_close(&n);
}

static void longer(char **text)
{
	char *more = noise(strlen(*text) + 1);

	free(*text);
	*text = more;
}

static void refused(struct names *n, const char *words)
{
	struct run_created made;
	struct err e = { 0 };

	assert_int_equal(-1, make(n, &made, &e));
	assert_true(err_is(&e, ERR_INPUT));
	if (!strstr(e.text, words))
		fail_msg("%s", e.text);
}

static void test_longer_ones_are_refused(void **state UNUSED)
{
	struct names n;

	names_open(&n);
	longer(&n.ref);
	refused(&n, "a ref of 1001 ");
	n.ref[LIMIT_REF] = '\0';
	longer(&n.file);
	refused(&n, "a path of 401 bytes");
	n.file[LIMIT_WORKFLOW_PATH] = '\0';
	strv_add(&n.labels, "one-more");
	refused(&n, "21 labels");
	free(n.labels.v[--n.labels.n]);
	n.labels.v[n.labels.n] = NULL;
	longer(&n.keys[1]);
	refused(&n, "a key of 401 bytes");
	names_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_longest_fit),
		cmocka_unit_test(test_longer_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
