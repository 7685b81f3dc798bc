/* Host hygiene without a host: sizes, names, inventories, idle looks, the spool of records. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "hygiene/host/outbox.h"
#include "hygiene/host/idle.h"
#include "hygiene/host/plan.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -2: an error */
	} table[] = { { "0B", 0 }, { "1.5kB", 1500 }, { "148.52GB (88%)", 148520000000 },
		{ "2GiB", INT64_C(2) << 30 }, { "N/A", -1 }, { "junk", -2 }, { "", -2 },
		{ "7", -2 }, { ".5GB", -2 }, { "1..5GB", -2 }, { "5GB (8%) more", -2 },
		{ "5GB (1000%)", -2 }, { "99999999PB", -2 }, { "1e3GB", -2 }, { " 1GB", -2 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct err e = { 0 };
		int64_t got = -2;
		int rc = docker_size_parse(table[i].text, &got, &e);

		if (rc != (table[i].bytes == -2 ? -1 : 0) || got != table[i].bytes)
			fail_msg("\"%s\": %" PRId64, table[i].text, got);
	}
}

static void test_names(void **state)
{
	(void)state;
	assert_true(hygiene_same(" Host-1\t", "host-1"));
	assert_false(hygiene_same("host-1", "host-10"));
	assert_int_equal(hygiene_action_parse(" PRUNE_DOCKER_CACHE"), HYGIENE_PRUNE_DOCKER_CACHE);
	assert_int_equal(hygiene_action_parse("prune"), HYGIENE_ACTIONS);
	assert_null(audit_key_problem(AUDIT_KEY_PREFIX "a/b:1"));
	assert_non_null(audit_key_problem(AUDIT_KEY_PREFIX));
	assert_non_null(audit_key_problem(AUDIT_KEY_PREFIX "a b"));
	assert_non_null(audit_key_problem("other/a"));
	assert_string_equal(image_short_name("docker.io/library/x:1"), "x:1");
	assert_string_equal(image_short_name("localhost/x:1"), "x:1");
}

static struct json_doc *parse(const char *text)
{
	struct err e = { 0 };
	struct json_doc *doc = json_parse(text, strlen(text), NULL, &e);

	if (!doc)
		fail_msg("%s", e.text);
	return doc;
}

/* Podman: no layers' sum, names with localhost/, ids without a prefix, no build cache. */
static void test_podman(void **state)
{
	CLEAN_JSON struct json_doc *usage = parse(
		"{\"LayersSize\":0,\"Images\":[{\"Size\":50,\"SharedSize\":0,\"Containers\":0},"
		"{\"Size\":70,\"SharedSize\":0,\"Containers\":2}],\"Containers\":null,"
		"\"Volumes\":[],\"BuildCache\":[]}");
	CLEAN_JSON struct json_doc *images =
		parse("[{\"Id\":\"aa\",\"RepoTags\":[\"localhost/app:warm\"],\"Size\":50}]");
	CLEAN_JSON struct json_doc *containers =
		parse("[{\"Names\":[\"buildx_buildkit_new0\"],\"ImageID\":\"sha256:aa\","
		      "\"State\":\"exited\",\"Image\":\"x\"}]");
	CLEAN_JSON struct json_doc *volumes = parse("{\"Volumes\":null}");
	CLEANUP(strv_release) struct strv warm = { 0 };
	CLEANUP(inventory_release) struct inventory inv = { 0 };
	struct inventory_source from = { json_root(usage), json_root(images), json_root(containers),
		json_root(volumes), NULL, false, &warm };
	struct err e = { 0 };

	(void)state;
	strv_add(&warm, "APP:warm");
	if (inventory_read(&inv, &from, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(inv.reclaimable[MEASURE_IMAGES].bytes, 50);
	assert_int_equal(inv.reclaimable[MEASURE_CACHE].available, MEASURE_UNAVAILABLE);
	assert_int_equal(inventory_reclaimable(&inv), 50);
	assert_true(inv.images[0].warm && inv.images[0].in_use && inv.builders[0].present);
	assert_int_equal(inv.orphan_containers.n, 1);
}

static void test_idle(void **state)
{
	static const struct {
		struct idle_sample s[2];
		enum host_idle_verdict verdict;
	} table[] = {
		{ { { { 1 } }, { { 2 } } }, HOST_IDLE },
		{ { { { 1 } }, { { 1 } } }, HOST_IDLE_INCOMPLETE }, /* no time between them */
		{ { { { 1 }, 1 }, { { 2 }, 0, 1 } }, HOST_ACTIVE },
		{ { { { 1 }, 0, 0, 1 }, { { 2 } } }, HOST_CONFLICTING },
		{ { { { 1 }, -1 }, { { 2 } } }, HOST_IDLE_INCOMPLETE },
		{ { { { 1 } }, { { 2 }, 5, -1 } }, HOST_IDLE_INCOMPLETE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(host_idle_judge(table[i].s, 2), table[i].verdict);
	assert_int_equal(host_idle_judge(table[0].s, 1), HOST_IDLE_INCOMPLETE);
}

static void test_build_commands(void **state)
{
#define ARGV(text) text, sizeof(text) - 1
	(void)state;
	assert_true(is_build_command(ARGV("docker\0-H\0x\0build\0.\0")));
	assert_true(is_build_command(ARGV("/usr/bin/buildah\0bud\0")));
	assert_false(is_build_command(ARGV("docker\0builder\0ls\0")));
	assert_false(is_build_command(ARGV("pgrep\0docker\0build\0")));
	assert_false(is_build_command(ARGV("docker\0")));
	assert_false(is_build_command(ARGV("docker\0buil")));
	assert_false(is_build_command("", 0));
}

/* ---- the spool ---- */

struct place {
	char dir[40];
	struct audit audit;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct err e = { 0 };

	snprintf(p->dir, sizeof(p->dir), "/tmp/audit-test-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(audit_open(&p->audit, p->dir, &e), 0);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	uint64_t left;

	int tmp CLEAN_FD = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = tree_remove(tmp, p->dir + strlen("/tmp/"), &left, NULL);

	audit_release(&p->audit);
	free(p);
	return rc;
}

static struct audit_record record_of(const char *key)
{
	struct audit_record r = { .key = xstrdup(key),
		.host = xstrdup("host-1"),
		.action = xstrdup("prune_docker_cache"),
		.mutate = true,
		.ready = true };

	pairs_set(&r.documents, "plan", "{\"blockers\":[1.50,\"\\u00e9\"]}");
	return r;
}

static void test_records(void **state)
{
	struct place *p = *state;
	CLEANUP(audit_record_release) struct audit_record r = record_of("k1"), got = { 0 };
	CLEANUP(audit_list_release) struct audit_list l = { 0 };
	struct err e = { 0 };

	assert_int_equal(audit_get(&p->audit, "k1", &got, &e), 0);
	assert_int_equal(audit_put(&p->audit, &r, &e), 0);
	assert_int_equal(audit_get(&p->audit, "k1", &got, &e), 1);
	assert_true(audit_same_intent(&r, &got) && audit_unresolved(&got));
	assert_string_equal(
		pairs_get(&got.documents, "plan"), "{\"blockers\":[1.50,\"\xc3\xa9\"]}");
	got.status = AUDIT_COMPLETED;
	assert_false(audit_unresolved(&got));
	got.mutate = false;
	assert_false(audit_same_intent(&r, &got));
	assert_int_equal(audit_each(&p->audit, &l, &e), 0);
	assert_int_equal(l.n, 1);
}

/* Told once a status, as the bytes of the first time. */
static void test_outbox(void **state)
{
	struct place *p = *state;
	CLEANUP(audit_record_release) struct audit_record r = record_of("k1");
	struct outbox_count c = { 0 };
	struct audit_target nobody = { 0 };
	struct err e = { 0 };

	assert_int_equal(audit_outbox_add(&p->audit, &r, &e), 0);
	r.message = xstrdup("later");
	assert_int_equal(audit_outbox_add(&p->audit, &r, &e), 0);
	r.status = AUDIT_STARTED;
	assert_int_equal(audit_outbox_add(&p->audit, &r, &e), 0);
	assert_int_equal(audit_deliver(&p->audit, &nobody, &c, &e), 0);
	assert_int_equal(c.of[OUTBOX_PENDING], 2);
	assert_false(audit_owes(&nobody, &c)); /* there is nobody to tell */
	assert_true(audit_owes(&(struct audit_target){ NULL, "http://x", "token" }, &c));
}

static size_t count(const struct audit *a)
{
	CLEANUP(audit_list_release) struct audit_list l = { 0 };
	struct err e = { 0 };

	assert_int_equal(audit_each(a, &l, &e), 0);
	return l.n;
}

/* Old records go; not those that are open, nor those that somebody has to be told. */
static void test_trim(void **state)
{
	struct place *p = *state;
	CLEANUP(audit_record_release) struct audit_record ended = record_of("k1");
	CLEANUP(audit_record_release) struct audit_record open_one = record_of("k2");
	struct wall later = { wall_now().us + USEC_PER_SEC * 60 }, earlier = { 1 };
	struct audit_target nobody = { 0 }, somebody = { NULL, "http://x", "token" };
	struct err e = { 0 };

	ended.status = AUDIT_FAILED;
	assert_int_equal(audit_put(&p->audit, &ended, &e), 0);
	assert_int_equal(audit_outbox_add(&p->audit, &ended, &e), 0);
	assert_int_equal(audit_put(&p->audit, &open_one, &e), 0);
	assert_int_equal(audit_trim(&p->audit, &nobody, earlier, &e), 0);
	assert_int_equal(audit_trim(&p->audit, &somebody, later, &e), 0);
	assert_int_equal(count(&p->audit), 2);
	assert_int_equal(audit_trim(&p->audit, &nobody, later, &e), 0);
	assert_int_equal(count(&p->audit), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_podman),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_build_commands),
		cmocka_unit_test_setup_teardown(test_records, make_place, drop_place),
		cmocka_unit_test_setup_teardown(test_outbox, make_place, drop_place),
		cmocka_unit_test_setup_teardown(test_trim, make_place, drop_place),
	};

	return cmocka_run_group_tests_name("hygiene_plan", tests, NULL, NULL);
}
