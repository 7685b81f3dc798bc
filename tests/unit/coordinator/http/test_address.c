/* Networks of proxies, and who calls by the word of proxies: also when the caller lies. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "coordinator/http/address.h"

static struct address of_text(const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		return address_of((const struct sockaddr *)&v4);
	assert_int_equal(1, inet_pton(AF_INET6, text, &v6.sin6_addr));
	return address_of((const struct sockaddr *)&v6);
}

static void test_networks(void **state UNUSED)
{
	static const struct {
		const char *network, *in, *out;
	} cases[] = {
		{ "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
		{ "192.0.2.7", "192.0.2.7", "192.0.2.6" },
		{ "10.0.0.0/8", "10.255.0.1", "11.0.0.1" },
		{ "192.0.2.128/25", "192.0.2.200", "192.0.2.127" },
		{ "192.0.2.6/31", "192.0.2.7", "192.0.2.8" },
		{ "10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1" },
		{ "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
		{ "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
		{ "::1", "::1", "127.0.0.1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct network n;
		struct networks l = { &n, 1 };
		struct address in = of_text(cases[i].in), out = of_text(cases[i].out);

		assert_null(network_parse(cases[i].network, &n));
		if (!networks_hold(&l, &in) || networks_hold(&l, &out))
			fail_msg("%s", cases[i].network);
	}
}

static void test_what_is_no_network(void **state UNUSED)
{
	static const char *const bad[] = { "", "/", "/8", "proxy", "localhost", "10.0.0.0/",
		"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0/8",
		"010.0.0.1", "10.0.0.1/8", "::1/64", "2001:db8::/129", "fe80::1%lo", "[::1]",
		"10.0.0.1:80", " 10.0.0.1", "0.0.0.0/0", "::/0",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct network n;
		const char *problem = network_parse(bad[i], &n);

		if (!problem || !strstr(problem, "expected"))
			fail_msg("\"%s\": %s", bad[i], problem ? problem : "taken");
	}
}

/* Proxies: 10.0.0.0/8 and 2001:db8::/32. */
static void caller_is(const char *peer, const char *header, const char *want)
{
	struct network v[2];
	const struct networks trusted = { v, 2 };
	struct address a = of_text(peer);
	char text[ADDRESS_TEXT_MAX];

	assert_null(network_parse("10.0.0.0/8", &v[0]));
	assert_null(network_parse("2001:db8::/32", &v[1]));
	address_forwarded(&trusted, header, &a);
	if (strcmp(address_format(&a, text), want) != 0)
		fail_msg("\"%s\" by %s: %s, expected %s", header, peer, text, want);
}

static void test_who_calls(void **state UNUSED)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "9.9.9.9, 192.0.2.7", "192.0.2.7" },
		{ "9.9.9.9, 192.0.2.7, 10.1.1.1", "192.0.2.7" },
		{ "9.9.9.9,192.0.2.7,2001:db8::5,10.1.1.1", "192.0.2.7" },
		{ "10.9.9.9, 10.1.1.1", "10.9.9.9" },
		{ "\t 192.0.2.7 \t", "192.0.2.7" },
		{ "192.0.2.7:4711", "192.0.2.7" },
		{ "[2001:db9::7]:4711, 10.1.1.1:80", "2001:db9::7" },
		{ "[2001:db9::7]", "2001:db9::7" },
		{ "2001:db9::7", "2001:db9::7" },
		{ "::ffff:192.0.2.7", "192.0.2.7" },
		{ "9.9.9.9, ::ffff:10.1.1.1", "9.9.9.9" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		caller_is("10.0.0.1", cases[i].header, cases[i].want);
}

/* What is no address ends the walk: the last one that was one counts. */
static void test_hostile_headers(void **state UNUSED)
{
	static const struct {
		const char *header, *want;
	} cases[] = {
		{ "", "10.0.0.1" },
		{ ",", "10.0.0.1" },
		{ ", , ,", "10.0.0.1" },
		{ "unknown", "10.0.0.1" },
		{ "_hidden, 10.1.1.1", "10.1.1.1" },
		{ "192.0.2.7,", "10.0.0.1" },
		{ "192.0.2.7 192.0.2.8", "10.0.0.1" },
		{ "192.0.2.007", "10.0.0.1" },
		{ "0x7f.1", "10.0.0.1" },
		{ "192.0.2.7/24", "10.0.0.1" },
		{ "fe80::1%eth0", "10.0.0.1" },
		{ "[::1", "10.0.0.1" },
		{ "::1]", "10.0.0.1" },
		{ "[::1]x:80", "10.0.0.1" },
		{ "[]", "10.0.0.1" },
		{ ":80", "10.0.0.1" },
		{ "for=192.0.2.7", "10.0.0.1" },
		{ "192.0.2.7;10.1.1.1", "10.0.0.1" },
		{ "10.0.0.1\r\nX: 192.0.2.7", "10.0.0.1" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd", "10.0.0.1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		caller_is("10.0.0.1", cases[i].header, cases[i].want);
}

/* A stranger's header is not even read. */
static void test_a_stranger_says_nothing(void **state UNUSED)
{
	caller_is("192.0.2.99", "10.0.0.1", "192.0.2.99");
	caller_is("192.0.2.99", "9.9.9.9", "192.0.2.99");
	caller_is("2001:db9::1", "9.9.9.9", "2001:db9::1");
}

static void test_a_long_list_of_proxies(void **state UNUSED)
{
	CLEAN_STR char *all = xstrdup("192.0.2.7");

	for (int i = 0; i < 1000; i++) {
		CLEAN_STR char *before = TAKE(all);

		all = xasprintf("%s, 10.0.0.2", before);
	}
	caller_is("10.0.0.1", all, "192.0.2.7");
}

static void test_peers(void **state UNUSED)
{
	struct address a = of_text("2001:db9::1"), b = of_text("2001:db9::ffff:2");
	struct address c = of_text("192.0.2.1"), d = of_text("192.0.2.2");
	struct address pa = address_peer(&a), pb = address_peer(&b);
	struct address pc = address_peer(&c), pd = address_peer(&d);

	assert_memory_equal(&pa, &pb, sizeof(pa));
	assert_memory_not_equal(&pc, &pd, sizeof(pc));
	assert_memory_equal(&pc, &c, sizeof(pc));
}

static void test_loopback(void **state UNUSED)
{
	static const char *const local[] = { "127.0.0.1", "127.255.0.9", "::1",
		"::ffff:127.0.0.1" };
	static const char *const others[] = { "128.0.0.1", "::", "::2", "::127.0.0.1", "10.0.0.1" };

	for (size_t i = 0; i < ARRAY_LEN(local); i++) {
		struct address a = of_text(local[i]);

		assert_true(address_is_loopback(&a));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct address a = of_text(others[i]);

		assert_false(address_is_loopback(&a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_what_is_no_network),
		cmocka_unit_test(test_who_calls),
		cmocka_unit_test(test_hostile_headers),
		cmocka_unit_test(test_a_stranger_says_nothing),
		cmocka_unit_test(test_a_long_list_of_proxies),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
