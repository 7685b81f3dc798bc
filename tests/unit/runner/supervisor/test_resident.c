/* What an idle process gives back, and that it goes on afterwards. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "runner/supervisor/resident.h"

/* KiB of pages of code that are mapped into this process now. */
static unsigned long code_kib(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long all = 0;
	char line[4096];
	bool code = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] < 'A' || line[0] > 'Z') /* a mapping, by its address */
			code = strstr(line, " r-xp ") != NULL;
		else if (code && strncmp(line, "Rss:", 4) == 0)
			all += strtoul(line + 4, NULL, 10);
	}
	fclose(f);
	return all;
}

static int data = 1;

static void test_code_is_given_back(void **state UNUSED)
{
	unsigned long before = code_kib(), after;

	resident_release();
	after = code_kib();
	assert_true(before > 300);
	assert_true(after < before * 2 / 3);
}

static void test_data_stays(void **state UNUSED)
{
	char *heap = xstrdup("on the heap");

	data = 2;
	resident_release();
	assert_int_equal(2, data);
	assert_string_equal("on the heap", heap);
	free(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_is_given_back),
		cmocka_unit_test(test_data_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
