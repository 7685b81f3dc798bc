/* The VOLUME paths of an image: which get a tmpfs, which need none, which nobody may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/volumes.h"

static void paths(void **state UNUSED)
{
	static const struct {
		const char *path, *planned, *refused;
	} cases[] = {
		{ "/data", "/data", NULL },
		{ "/var/lib/db/", "/var/lib/db", NULL },
		{ "/tmp/cache", "/tmp/cache", NULL },
		{ "/workspaces", "/workspaces", NULL },
		{ "/tmp", "", NULL },
		{ "/workspace", "", NULL },
		{ "/workspace/", "", NULL },
		{ "/shithub/files", "", NULL },
		{ "/shithub/temp", "", NULL },
		{ "/home/ci", "", NULL },
		{ "/home/ci/.cache", "", NULL },
		{ "/home/ci2", "/home/ci2", NULL },
		{ "/workspace/cache", NULL, "owns that place" },
		{ "/shithub", NULL, "owns that place" },
		{ "/shithub/gate", NULL, "owns that place" },
		{ "/shithub/temp/x", NULL, "owns that place" },
		{ "/proc/sys", NULL, "owns that place" },
		{ "/dev", NULL, "owns that place" },
		{ "/", NULL, "plain absolute" },
		{ "", NULL, "plain absolute" },
		{ "data", NULL, "plain absolute" },
		{ "/a/../workspace", NULL, "plain absolute" },
		{ "/a//b", NULL, "plain absolute" },
		{ "/a:/b", NULL, "plain absolute" },
		{ "/a\nb", NULL, "plain absolute" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv all = { 0 }, planned = { 0 };
		struct err e = { 0 };

		strv_add(&all, cases[i].path);
		int rc = volumes_plan(&all, "/home/ci", &planned, &e);
		if (cases[i].refused ? rc == 0 || !strstr(e.text, cases[i].refused)
				     : rc < 0 || !str_eq(planned.n ? planned.v[0] : "",
							 cases[i].planned))
			fail_msg("\"%s\": %d \"%s\" %s", cases[i].path, rc, e.text,
				planned.n ? planned.v[0] : "");
	}
}

static void counts(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv all = { 0 }, planned = { 0 };
	struct err e = { 0 };

	for (int i = 0; i < VOLUMES_MAX; i++) {
		strv_addf(&all, "/v%d", i);
		strv_addf(&all, "/v%d/", i); /* the same again */
	}
	assert_int_equal(volumes_plan(&all, NULL, &planned, &e), 0);
	assert_int_equal(planned.n, VOLUMES_MAX);
	strv_add(&all, "/one-more");
	strv_release(&planned);
	assert_int_equal(volumes_plan(&all, NULL, &planned, &e), -1);
	assert_int_equal(e.class, ERR_INPUT);
}

static void homes(void **state UNUSED)
{
	static const char *const fit[] = { "/root", "/home/ci", "/tmp/home", "/opt/a b" };
	static const char *const unfit[] = { NULL, "", "/", "home", "/root/", "/tmp", "/workspace",
		"/workspace/home", "/shithub", "/proc/1", "/dev", "/a/../b", "/a:b" };

	for (size_t i = 0; i < ARRAY_LEN(fit); i++)
		if (!volumes_home_fits(fit[i]))
			fail_msg("%s", fit[i]);
	for (size_t i = 0; i < ARRAY_LEN(unfit); i++)
		if (volumes_home_fits(unfit[i]))
			fail_msg("%s", unfit[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(counts),
		cmocka_unit_test(homes),
	};

	return cmocka_run_group_tests_name("volumes", tests, NULL, NULL);
}
