/*
 * Where a guarded request may go: decided by the address that is connected to, not by the name, and
 * nothing of a refused answer comes back.
 */
#include "tests/unit/help/http_env.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include "base/http/reach.h"

static void kinds_of_addresses(void **state UNUSED)
{
	static const struct {
		const char *ip;
		unsigned reach;
	} table[] = {
		{ "1.1.1.1", REACH_PUBLIC },
		{ "9.255.255.255", REACH_PUBLIC },
		{ "10.0.0.0", REACH_PRIVATE },
		{ "10.255.255.255", REACH_PRIVATE },
		{ "11.0.0.0", REACH_PUBLIC },
		{ "127.0.0.1", REACH_LOOPBACK },
		{ "127.200.3.4", REACH_LOOPBACK },
		{ "0.0.0.0", REACH_LOOPBACK },
		{ "0.1.2.3", REACH_LOOPBACK },
		{ "169.254.169.254", REACH_LINK_LOCAL },
		{ "100.100.100.200", REACH_LINK_LOCAL },
		{ "100.64.0.1", REACH_PRIVATE },
		{ "100.128.0.1", REACH_PUBLIC },
		{ "172.15.255.255", REACH_PUBLIC },
		{ "172.16.0.9", REACH_PRIVATE },
		{ "172.31.255.255", REACH_PRIVATE },
		{ "172.32.0.1", REACH_PUBLIC },
		{ "192.168.255.254", REACH_PRIVATE },
		{ "224.0.0.1", REACH_PRIVATE },
		{ "255.255.255.255", REACH_PRIVATE },
		{ "2606:4700::1111", REACH_PUBLIC },
		{ "::1", REACH_LOOPBACK },
		{ "::", REACH_LOOPBACK },
		{ "fe80::1", REACH_LINK_LOCAL },
		{ "fd00:ec2::254", REACH_LINK_LOCAL },
		{ "fd12:3456::1", REACH_PRIVATE },
		{ "ff02::1", REACH_PRIVATE },
		{ "::ffff:127.0.0.1", REACH_LOOPBACK },
		{ "::ffff:10.1.2.3", REACH_PRIVATE },
		{ "::ffff:1.1.1.1", REACH_PUBLIC },
		{ "::127.0.0.1", REACH_LOOPBACK },
		{ "64:ff9b::169.254.169.254", REACH_LINK_LOCAL },
		{ "2002:7f00:1::1", REACH_LOOPBACK },
		{ "2001:0:1::1", REACH_PRIVATE }, /* Teredo */
		{ "not an address", REACH_LOOPBACK },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (reach_of_ip(table[i].ip) != table[i].reach)
			fail_msg("%s: %s, expected %s", table[i].ip,
				reach_name(reach_of_ip(table[i].ip)), reach_name(table[i].reach));
}

/* Whatever listens on all interfaces can be reached by each address of this host. */
static void own_addresses_are_this_host(void **state UNUSED)
{
	struct ifaddrs *list;
	char text[INET6_ADDRSTRLEN];
	size_t n = 0;

	assert_int_equal(0, getifaddrs(&list));
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text,
			sizeof(text));
		if (reach_of_ip(text) != REACH_LOOPBACK)
			fail_msg("%s is this host's own and %s", text,
				reach_name(reach_of_ip(text)));
		n++;
	}
	freeifaddrs(list);
	assert_true(n > 0);
}

static void origins(void **state UNUSED)
{
	static const struct {
		const char *a, *b;
		bool same;
	} table[] = {
		{ "http://h", "http://h/x.git", true },
		{ "http://h:80/", "http://H/x", true },
		{ "https://h", "https://h:443/a?b", true },
		{ "https://h", "http://h", false },
		{ "http://h", "http://h:8080", false },
		{ "http://h", "http://h.example", false },
		{ "http://h", "http://h@evil/", false },
		{ "http://127.0.0.1", "http://127.1.0.1/", false },
		{ "http://h", "nonsense", false },
		{ "http://h", NULL, false },
		{ NULL, NULL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (http_same_origin(table[i].a, table[i].b) != table[i].same)
			fail_msg("%s and %s", table[i].a, table[i].b);
}

/* A client of its own, as the environment's has no home. */
static struct http *client(struct env *env, const char *home)
{
	struct err e = { 0 };
	struct http *h = http_new(
		env->loop, &(struct http_config){ .user_agent = "test", .home = home }, &e);

	assert_non_null(h);
	return h;
}

static struct http_exchange *go(struct http *h, const char *url, bool guarded, unsigned reach)
{
	struct http_request r = { .method = "GET", .url = url, .guarded = guarded, .reach = reach };
	struct http_exchange *x = http_start(h, &r, NULL, NULL, NULL);

	assert_non_null(x);
	http_wait(x);
	return x;
}

static void a_guarded_request_does_not_connect(void **state)
{
	struct env *env = *state;
	struct http *h = client(env, NULL);
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::ffff:127.0.0.1]",
		"0.0.0.0", "2130706433" };
	int before = http_server_connections(env->tcp);

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		CLEAN_STR char *url =
			xasprintf("http://%s:%d/ok", hosts[i], http_server_port(env->tcp));
		CLEAN_EXCHANGE struct http_exchange *x = go(h, url, true, REACH_PUBLIC);
		const struct http_result *r = http_result(x);
		struct err e = { 0 };

		assert_int_equal(HTTP_NOT_SENT, r->outcome);
		assert_true(r->forbidden);
		assert_int_equal(-1, http_result_error(r, &e));
		assert_int_equal(ERR_INPUT, e.class);
		assert_non_null(strstr(e.text, "of this host"));
		assert_null(strstr(e.text, "127.0.0.1"));
	}
	assert_int_equal(before, http_server_connections(env->tcp));
	http_free(h);
}

static void what_is_allowed_connects(void **state)
{
	struct env *env = *state;
	struct http *h = client(env, NULL);
	CLEAN_STR char *url = xasprintf("http://127.0.0.1:%d/ok", http_server_port(env->tcp));
	CLEAN_EXCHANGE struct http_exchange *other =
		go(h, url, true, REACH_PRIVATE | REACH_LINK_LOCAL);
	CLEAN_EXCHANGE struct http_exchange *own = go(h, url, true, REACH_LOOPBACK);

	assert_true(http_result(other)->forbidden);
	assert_int_equal(HTTP_DONE, http_result(own)->outcome);
	assert_int_equal(200, http_result(own)->status);
	assert_false(http_result(own)->forbidden);
	http_free(h);
}

/* Only an answer of home counts, and only for its kind of address. */
static void home_is_learned_from_its_answers(void **state)
{
	struct env *env = *state;
	int port = http_server_port(env->tcp);
	CLEAN_STR char *home = xasprintf("http://127.0.0.1:%d", port);
	CLEAN_STR char *url = xasprintf("http://127.0.0.1:%d/ok", port);
	CLEAN_STR char *cut = xasprintf("http://127.0.0.1:%d/close", port);
	CLEAN_STR char *other = xasprintf("http://localhost:%d/ok", port);
	struct http *h = client(env, home);
	CLEAN_EXCHANGE struct http_exchange *early = go(h, other, true, REACH_PUBLIC);
	CLEAN_EXCHANGE struct http_exchange *broken = go(h, cut, false, REACH_PUBLIC);

	assert_true(http_result(early)->forbidden);
	assert_int_not_equal(HTTP_DONE, http_result(broken)->outcome);
	assert_int_equal(REACH_PUBLIC, http_home_reach(h));
	CLEAN_EXCHANGE struct http_exchange *answered = go(h, url, false, REACH_PUBLIC);
	assert_int_equal(HTTP_DONE, http_result(answered)->outcome);
	assert_int_equal(REACH_LOOPBACK, http_home_reach(h));
	CLEAN_EXCHANGE struct http_exchange *late = go(h, other, true, REACH_PUBLIC);
	assert_int_equal(HTTP_DONE, http_result(late)->outcome);
	http_free(h);
}

static void nothing_of_a_refused_answer_is_echoed(void **state)
{
	struct env *env = *state;
	struct http *h = client(env, NULL);
	CLEAN_STR char *url = xasprintf("http://127.0.0.1:%d/401", http_server_port(env->tcp));
	CLEAN_STR char *garbage =
		xasprintf("http://127.0.0.1:%d/garbage", http_server_port(env->tcp));
	CLEAN_EXCHANGE struct http_exchange *open = go(h, url, false, REACH_PUBLIC);
	CLEAN_EXCHANGE struct http_exchange *quiet = go(h, url, true, REACH_LOOPBACK);
	CLEAN_EXCHANGE struct http_exchange *broken = go(h, garbage, true, REACH_LOOPBACK);
	struct err e = { 0 };

	http_result_error(http_result(open), &e);
	assert_non_null(strstr(e.text, "HTTP 401: token"));
	http_result_error(http_result(quiet), &e);
	assert_string_equal("HTTP 401", e.text);
	http_result_error(http_result(broken), &e);
	assert_null(strstr(e.text, "garbage"));
	http_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_addresses),
		cmocka_unit_test(own_addresses_are_this_host),
		cmocka_unit_test(origins),
		HTTP_TEST(a_guarded_request_does_not_connect),
		HTTP_TEST(what_is_allowed_connects),
		HTTP_TEST(home_is_learned_from_its_answers),
		HTTP_TEST(nothing_of_a_refused_answer_is_echoed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
