/* The checks of the [network] section and of the allowlist's names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "config/network_check.h"
#include "config/runner_check.h"

struct row {
	const char *given;
	const char *result; /* NULL: refused */
};

static void check_rows(const char *(*check)(char **text), const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *text = xstrdup(rows[i].given);
		const char *wrong = check(&text);

		if (!rows[i].result && !wrong)
			fail_msg("\"%s\" was taken", rows[i].given);
		if (rows[i].result && wrong)
			fail_msg("\"%s\": %s", rows[i].given, wrong);
		if (rows[i].result)
			assert_string_equal(text, rows[i].result);
	}
}

#define LABEL63 "a123456789b123456789c123456789d123456789e123456789f123456789abc"

static void test_host_pattern(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "github.com", "github.com" },
		{ "GitHub.COM", "github.com" },
		{ "github.com.", "github.com" },
		{ "*.example.com", "*.example.com" },
		{ "*.Example.com.", "*.example.com" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "a_b.example", "a_b.example" },
		{ LABEL63 ".example", LABEL63 ".example" },
		{ LABEL63 "d.example", NULL },
		{ "1.example", "1.example" },
		{ "b\303\274cher.example", NULL },
		{ "", NULL },
		{ ".", NULL },
		{ "..", NULL },
		{ "localhost", NULL },
		{ "*", NULL },
		{ "*.", NULL },
		{ "*.com", NULL },
		{ "*.*.example.com", NULL },
		{ "a.*.example.com", NULL },
		{ "*example.com", NULL },
		{ "example.com..", NULL },
		{ ".example.com", NULL },
		{ "a..example.com", NULL },
		{ "-a.example.com", NULL },
		{ "a-.example.com", NULL },
		{ "10.1.2.3", NULL },
		{ "*.2.3", NULL },
		{ "a.example/198.18.0.1", NULL },
		{ "a.example\nserver=198.18.0.1", NULL },
		{ "a.example#x", NULL },
		{ "a.example }", NULL },
	};

	check_rows(check_host_pattern, rows, ARRAY_LEN(rows));
}

static void test_long_name(void **state UNUSED)
{
	char name[300];
	size_t n = 0;

	while (n < 252) {
		name[n++] = 'a';
		name[n++] = '.';
	}
	name[n++] = 'b';
	name[n] = '\0'; /* 253 bytes */
	CLEAN_STR char *fits = xstrdup(name);
	assert_null(check_host_pattern(&fits));
	name[n++] = 'b';
	name[n] = '\0';
	CLEAN_STR char *longer = xstrdup(name);
	assert_non_null(check_host_pattern(&longer));
}

static void test_subnet(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "172.30.0.0/24", "172.30.0.0/24" },
		{ "10.0.0.0/16", "10.0.0.0/16" },
		{ "192.168.7.8/29", "192.168.7.8/29" },
		{ "172.30.0.1/24", NULL },
		{ "172.30.0.0", NULL },
		{ "172.30.0.0/30", NULL },
		{ "10.0.0.0/8", NULL },
		{ "198.18.0.0/24", NULL },
		{ "172.30.0.0/24x", NULL },
		{ "172.30.0.0/", NULL },
		{ "fd00::/64", NULL },
		{ "172.30.0.0/24 ", NULL },
	};

	check_rows(check_subnet, rows, ARRAY_LEN(rows));
}

static void test_private_range(void **state UNUSED)
{
	static const struct row rows[] = {
		{ "10.1.2.3", "10.1.2.3" },
		{ "10.1.2.3/32", "10.1.2.3" },
		{ "10.1.0.0/16", "10.1.0.0/16" },
		{ "100.64.0.0/10", "100.64.0.0/10" },
		{ "10.1.2.0/16", NULL },
		{ "0.0.0.0/0", NULL },
		{ "127.0.0.1", NULL },
		{ "169.254.169.254", NULL },
		{ "160.0.0.0/4", NULL },
		{ "224.0.0.1", NULL },
		{ "10.1.2.3; drop", NULL },
		{ "::1", NULL },
	};

	check_rows(check_private_range, rows, ARRAY_LEN(rows));
}

static void test_bridge_and_port(void **state UNUSED)
{
	static const struct row bridges[] = { { "shithub-actions", "shithub-actions" },
		{ "br0", "br0" }, { "shithub-actions2", NULL }, { "-br", NULL }, { "br_0", NULL },
		{ "br.0", NULL }, { "br\"0", NULL }, { "br 0", NULL }, { "", NULL } };
	static const struct row ports[] = { { "443", "443" }, { "0443", "443" }, { "0", NULL },
		{ "65536", NULL }, { "53", NULL }, { "853", NULL }, { "443,80", NULL },
		{ "80-90", NULL } };

	check_rows(check_bridge, bridges, ARRAY_LEN(bridges));
	check_rows(check_port, ports, ARRAY_LEN(ports));
}

static void test_overlaps(void **state UNUSED)
{
	struct ip_range a, b, c;

	assert_true(ip_range_parse("10.0.0.0/8", &a));
	assert_true(ip_range_parse("10.9.8.7", &b));
	assert_true(ip_range_parse("11.0.0.0/8", &c));
	assert_true(ip_range_overlaps(a, b) && ip_range_overlaps(b, a));
	assert_false(ip_range_overlaps(a, c) || ip_range_overlaps(c, b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_pattern),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_subnet),
		cmocka_unit_test(test_private_range),
		cmocka_unit_test(test_bridge_and_port),
		cmocka_unit_test(test_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
