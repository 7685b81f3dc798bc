/* The proof of another program's firewall: what it holds for, and for how long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_options.h"
#include "network/nft.h"
#include "runner/helper/firewall_check.h"
#include "tests/unit/help/temp_dir.h"

struct fixture {
	char dir[32];
	struct runner_config config;
	struct options options;
	struct network_plan plan;
	char boot[64], digest[NETWORK_DIGEST_MAX];
};

static int begin(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	CLEAN_BUF struct buf boot = BUF_INIT(128);
	struct runner_args args = { .config = "/dev/null" };
	struct err e = { 0 };

	snprintf(f->dir, sizeof(f->dir), "/tmp/proof-XXXXXX");
	if (temp_dir_make(f->dir) < 0)
		return -1;
	CLEAN_STR char *own = xasprintf("SHITHUB_RUNNER_STATE_DIR=%s", f->dir);
	char *env[] = { own, NULL };
	if (runner_config_load(&f->config, &f->options, &args, env) < 0 ||
		network_plan_init(&f->plan, &f->config, &e) < 0 ||
		file_read("/proc/sys/kernel/random/boot_id", &boot, &e) < 0)
		return -1;
	snprintf(f->boot, sizeof(f->boot), "%.*s", (int)strcspn(buf_cstr(&boot), "\n"),
		buf_cstr(&boot));
	nft_digest(&f->plan, f->digest);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	int rc = temp_dir_drop(f->dir);

	network_plan_release(&f->plan);
	options_release(&f->options);
	runner_config_release(&f->config);
	free(f);
	return rc;
}

static bool holds(const struct fixture *f, const char *text)
{
	CLEAN_STR char *path = path_join(f->dir, "egress-proof");
	struct err e = { 0 };

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
	return firewall_proved(&f->plan);
}

static void test_age_and_scope(void **state)
{
	static const char other[] = "00000000-0000-4000-8000-000000000000";
	struct fixture *f = *state;

	const struct {
		int64_t age_us;
		const char *boot, *digest, *network;
		bool holds;
	} rows[] = {
		{ 0, f->boot, f->digest, "shithub-actions", true },
		{ FIREWALL_PROOF_EVERY_US, f->boot, f->digest, "shithub-actions", true },
		{ FIREWALL_PROOF_VALID_US, f->boot, f->digest, "shithub-actions", false },
		{ -60 * USEC_PER_SEC, f->boot, f->digest, "shithub-actions", false },
		{ 0, other, f->digest, "shithub-actions", false },
		{ 0, f->boot, "0123456789abcdef0123456789abcdef", "shithub-actions", false },
		{ 0, f->boot, f->digest, "another", false },
	};

	assert_false(firewall_proved(&f->plan)); /* there is no file */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *text =
			xasprintf("%" PRId64 " %s %s %s", mono_now().us - rows[i].age_us,
				rows[i].boot, rows[i].digest, rows[i].network);

		/* a machine that has just booted has no time that is so long ago */
		if (holds(f, text) != (rows[i].holds && mono_now().us > rows[i].age_us))
			fail_msg("row %zu: %s", i, text);
	}
}

static void test_damaged(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = { "", "x", "now ", "-1 ", "\xff\xfe", "1" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_false(holds(f, texts[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_age_and_scope, begin, end),
		cmocka_unit_test_setup_teardown(test_damaged, begin, end),
	};

	return cmocka_run_group_tests_name("firewall_proof", tests, NULL, NULL);
}
