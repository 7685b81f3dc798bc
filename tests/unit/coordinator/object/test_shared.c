/* Two coordinators with one store and one folder of objects: each has connection and descriptors of
 * its own, as two processes have. */
#include "tests/unit/help/coordinator_help.h"

#include <pthread.h>
#include <stdlib.h>

#include "coordinator/object/artifact.h"
#include "coordinator/object/reader.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/store_help.h"

#define HOUR (3600 * USEC_PER_SEC)

struct two {
	struct world w;
	struct app *a, b;
	int64_t run_id, job_id;
};

static void two_open(struct two *p)
{
	struct err e = { 0 };

	world_open(&p->w);
	p->a = &p->w.app;
	p->b = (struct app){ .store = test_store_open(p->w.dir) };
	p->b.objects = objects_open(&(struct objects_place){ .data_dir = p->w.dir }, &e);
	assert_non_null(p->b.objects);
	struct run_created run = RUN(&p->w, "a:linux");
	p->run_id = run.run_id;
	p->job_id = world_job(&p->w, run.run_id, "a");
}

static void two_close(struct two *p)
{
	store_free(p->b.store);
	objects_free(p->b.objects);
	world_close(&p->w);
}

static int64_t reserved(struct two *p, const char *name, int64_t size, struct wall expires)
{
	const struct artifact_spec spec = { .run_id = p->run_id,
		.job_id = p->job_id,
		.name = name,
		.size_bytes = size,
		.run_bytes_max = 1000,
		.upload_until = expires,
		.expires_at = expires };
	struct err e = { 0 };
	int64_t id;

	must_err(store_artifact_add(p->a->store, &spec, wall_now(), &id, &e));
	return id;
}

static struct wall tomorrow(void)
{
	return (struct wall){ wall_now().us + 24 * HOUR };
}

/* All but the last step of an upload. */
static struct object_upload *sent(struct app *a, const struct two *p, int64_t id, const char *name,
	const char *text, char digest[OBJECT_DIGEST_MAX])
{
	struct err e = { 0 };
	struct object_upload *u = object_upload_begin(a->objects, (int64_t)strlen(text), &e);

	assert_non_null(u);
	must_err(object_upload_add(u, text, strlen(text), &e));
	must_err(object_upload_digest(u, digest, &e));
	CLEAN_STR char *key = artifact_key(a->objects, p->run_id, name, id, digest);
	must_err(object_upload_sync(u, key, &e));
	return u;
}

static int published(struct app *a, const struct two *p, int64_t id, const char *name,
	const char *text, struct err *e)
{
	char digest[OBJECT_DIGEST_MAX];
	struct object_upload *u = sent(a, p, id, name, text, digest);
	int rc = artifact_publish(a, id, u, digest, e);

	object_upload_free(u);
	return rc;
}

static void row_is_true(const struct two *p, int64_t id)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct err e = { 0 };

	must_err(store_artifact_get(p->b.store, id, &row, &e));
	CLEAN_STR char *key = artifact_key(p->b.objects, row.run_id, row.name, row.id, row.digest);
	must_err(object_verify(p->b.objects, key, row.size_bytes, row.digest, &e));
}

static void test_the_first_of_two_uploads_stays(void **state UNUSED)
{
	char one[OBJECT_DIGEST_MAX], other[OBJECT_DIGEST_MAX];
	struct two p;
	struct err e = { 0 };

	two_open(&p);
	int64_t id = reserved(&p, "dist", 4, tomorrow());
	struct object_upload *a = sent(p.a, &p, id, "dist", "aaaa", one);
	struct object_upload *b = sent(&p.b, &p, id, "dist", "bbbb", other);
	must_err(artifact_publish(&p.b, id, b, other, &e));
	assert_int_equal(-1, artifact_publish(p.a, id, a, one, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	object_upload_free(a);
	object_upload_free(b);
	row_is_true(&p, id);
	err_clear(&e);
	must_err(published(p.a, &p, id, "dist", "bbbb", &e)); /* the same bytes once more */
	row_is_true(&p, id);
	two_close(&p);
}

static struct artifact_list expired(struct app *a)
{
	struct artifact_list l = { 0 };
	struct err e = { 0 };

	must_err(store_artifact_expired(a->store, wall_now(), 100, &l, &e));
	return l;
}

/* One looks what is to go; the other removes it, and another artifact takes its name and place. */
static void test_what_took_the_name_of_an_expired_one_stays(void **state UNUSED)
{
	struct two p;
	struct err e = { 0 };
	int n;

	two_open(&p);
	int64_t old = reserved(&p, "dist", 4, (struct wall){ 1 });
	must_err(published(p.a, &p, old, "dist", "aaaa", &e));
	struct artifact_list seen = expired(p.a);
	assert_int_equal(1, seen.n);
	must_err(artifact_prune(&p.b, wall_now(), &n, &e));
	assert_int_equal(1, n);
	int64_t next = reserved(&p, "dist", 4, tomorrow());
	must_err(published(&p.b, &p, next, "dist", "bbbb", &e));
	must_err(artifact_end(p.a, &seen.v[0], &e));
	row_is_true(&p, next);
	artifact_list_release(&seen);
	two_close(&p);
}

/* It went without its row: by a crash, or another process that is in the middle. */
static void test_an_object_that_is_gone_counts_as_removed(void **state UNUSED)
{
	struct two p;
	struct err e = { 0 };
	int n;

	two_open(&p);
	int64_t id = reserved(&p, "dist", 4, (struct wall){ 1 });
	must_err(published(p.a, &p, id, "dist", "aaaa", &e));
	must_err(artifact_delete(p.b.objects, p.run_id, "dist", id, &e));
	must_err(artifact_prune(p.a, wall_now(), &n, &e));
	assert_int_equal(0, expired(p.a).n);
	two_close(&p);
}

struct pruner {
	struct app *app;
	pthread_barrier_t *both;
	struct err error;
};

static void *prune_main(void *data)
{
	struct pruner *p = data;
	int n = 0;

	pthread_barrier_wait(p->both);
	if (artifact_prune(p->app, wall_now(), &n, &p->error) == 0)
		err_clear(&p->error);
	return NULL;
}

static int never(void *data UNUSED, const char *key, int64_t size UNUSED, struct err *e UNUSED)
{
	fail_msg("%s is left", key);
	return 0;
}

static void test_two_prune_at_a_time(void **state UNUSED)
{
	pthread_barrier_t both;
	struct two p;
	pthread_t threads[2];
	struct err e = { 0 };

	two_open(&p);
	for (int i = 0; i < 30; i++) {
		CLEAN_STR char *name = xasprintf("box%d", i);
		int64_t id = reserved(&p, name, 4, (struct wall){ 1 });

		must_err(published(p.a, &p, id, name, "aaaa", &e));
	}
	struct pruner all[] = { { p.a, &both, { 0 } }, { &p.b, &both, { 0 } } };
	must(pthread_barrier_init(&both, NULL, 2));
	for (size_t i = 0; i < 2; i++)
		must(pthread_create(&threads[i], NULL, prune_main, &all[i]));
	for (size_t i = 0; i < 2; i++) {
		must(pthread_join(threads[i], NULL));
		assert_string_equal("", all[i].error.text);
	}
	pthread_barrier_destroy(&both);
	assert_int_equal(0, expired(p.a).n);
	must_err(objects_each(p.a->objects, never, NULL, &e));
	two_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_of_two_uploads_stays),
		cmocka_unit_test(test_what_took_the_name_of_an_expired_one_stays),
		cmocka_unit_test(test_an_object_that_is_gone_counts_as_removed),
		cmocka_unit_test(test_two_prune_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
