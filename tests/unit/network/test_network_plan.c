/* What the egress firewall is made of: plan, firewall script, resolver configuration, verdicts of a
 * check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_options.h"
#include "network/check.h"
#include "network/nft.h"
#include "network/plan.h"
#include "network/resolver.h"

struct fixture {
	struct runner_config config;
	struct options options;
	struct network_plan plan;
};

/* The configuration of these variables alone. */
static void load(struct fixture *f, char **environ)
{
	struct runner_args args = { .config = "/dev/null" };
	struct err e = { 0 };

	assert_int_equal(runner_config_load(&f->config, &f->options, &args, environ), 0);
	if (network_plan_init(&f->plan, &f->config, &e) < 0)
		fail_msg("%s", e.text);
	if (network_plan_upstream(&f->plan, "/dev/null", &e) < 0)
		fail_msg("%s", e.text);
}

static void unload(struct fixture *f)
{
	network_plan_release(&f->plan);
	options_release(&f->options);
	runner_config_release(&f->config);
}

#define P "SHITHUB_RUNNER_"

static void test_names(void **state UNUSED)
{
	static const struct {
		char *network, *bridge, *table;
	} rows[] = {
		{ P "ENGINE__NETWORK=shithub-actions", "shithub-actions",
			"egress_shithub_actions" },
		{ P "ENGINE__NETWORK=ci", "ci", "egress_ci" },
		{ P "ENGINE__NETWORK=a_b", "sh-648fa9b3", "egress_sh_648fa9b3" },
		{ P "ENGINE__NETWORK=longer-than-a-bridge", "sh-840d45c0", "egress_sh_840d45c0" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *env[] = { rows[i].network, P "NETWORK__UPSTREAM_DNS=9.9.9.9", NULL };
		struct fixture f;

		load(&f, env);
		assert_string_equal(f.plan.bridge, rows[i].bridge);
		assert_string_equal(f.plan.table, rows[i].table);
		assert_string_equal(f.plan.gateway, "172.30.0.1");
		unload(&f);
	}
}

static void test_moved_subnet(void **state UNUSED)
{
	char *env[] = { P "NETWORK__SUBNET=10.9.8.0/24", P "NETWORK__UPSTREAM_DNS=9.9.9.9",
		P "NETWORK__BRIDGE=br-ci", P "NETWORK__DIR=/run/egress", NULL };
	struct fixture f;

	load(&f, env);
	assert_string_equal(f.plan.gateway, "10.9.8.1");
	assert_string_equal(f.config.engine.dns_servers.v[0], "10.9.8.1");
	assert_string_equal(f.plan.bridge, "br-ci");
	assert_string_equal(f.plan.dir, "/run/egress/br-ci");
	unload(&f);
}

static void test_refused_plans(void **state UNUSED)
{
	static char *const rows[][2] = {
		{ P "ENGINE__NETWORK=none", "engine.network is \"none\"" },
		{ P "ENGINE__DNS_SERVERS=1.1.1.1", "engine.dns_servers: expected" },
		{ P "ENGINE__DNS_SERVERS=172.30.0.1,1.1.1.1", "engine.dns_servers: expected" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *env[] = { rows[i][0], NULL };
		struct runner_args args = { .config = "/dev/null" };
		struct fixture f = { 0 };
		struct err e = { 0 };

		assert_int_equal(runner_config_load(&f.config, &f.options, &args, env), 0);
		assert_int_equal(network_plan_init(&f.plan, &f.config, &e) < 0 ||
					 network_plan_require_resolver(&f.plan, &e) < 0,
			true);
		assert_non_null(strstr(e.text, rows[i][1]));
		assert_int_equal(e.class, ERR_INPUT);
		unload(&f);
	}
}

static void test_upstream(void **state UNUSED)
{
	static const struct {
		const char *text, *expected; /* NULL: refused */
	} rows[] = {
		{ "nameserver 10.0.0.2\n", "10.0.0.2 " },
		{ "# nameserver 1.1.1.1\nsearch x\nnameserver\t9.9.9.9 # two\nnameserver fd00::1\n",
			"9.9.9.9 fd00::1 " },
		{ "nameserver 10.0.0.2\nnameserver 10.0.0.2", "10.0.0.2 " },
		{ "nameservers 10.0.0.2\nnameserver fe80::1%eth0\nnameserver x\nnameserver", NULL },
		{ "", NULL },
	};
	char *env[] = { NULL };
	struct runner_args args = { .config = "/dev/null" };
	char path[] = "/tmp/resolv-XXXXXX";
	struct fixture f = { 0 };
	struct err e = { 0 };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(runner_config_load(&f.config, &f.options, &args, env), 0);
	assert_int_equal(network_plan_init(&f.plan, &f.config, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf got = BUF_INIT(KIB(1));

		assert_int_equal(
			file_replace(path, rows[i].text, strlen(rows[i].text), 0600, &e), 0);
		err_clear(&e);
		int rc = network_plan_upstream(&f.plan, path, &e);
		assert_int_equal(rc, rows[i].expected ? 0 : -1);
		strv_each (address, &f.plan.upstream)
			buf_addf(&got, "%s ", address);
		if (rows[i].expected)
			assert_string_equal(buf_cstr(&got), rows[i].expected);
	}
	unlink(path);
	unload(&f);
}

/* ---- golden texts ---- */

static void test_resolver_conf(void **state UNUSED)
{
	char *env[] = { P "NETWORK__UPSTREAM_DNS=9.9.9.9,fd00::1",
		P "NETWORK_ALLOWLIST=b.example,*.a.example,x.a.example,a.example", NULL };
	static const char expected[] =
		"server=/a.example/9.9.9.9\nserver=/a.example/fd00::1\n"
		"nftset=/a.example/4#inet#egress_shithub_actions#handed_out\n"
		"server=/a.example/9.9.9.9\nserver=/a.example/fd00::1\n"
		"nftset=/a.example/4#inet#egress_shithub_actions#handed_out\n"
		"server=/b.example/9.9.9.9\nserver=/b.example/fd00::1\n"
		"local=/*.b.example/\n"
		"nftset=/b.example/4#inet#egress_shithub_actions#handed_out\n"
		"server=/x.a.example/9.9.9.9\nserver=/x.a.example/fd00::1\n"
		"nftset=/x.a.example/4#inet#egress_shithub_actions#handed_out\n";
	static const char *const always[] = { "user=dnsmasq\n", "interface=shithub-actions\n",
		"no-resolv\n", "cache-size=0\n", "max-tcp-connections=1024\n", "stop-dns-rebind\n",
		"filter-AAAA\n", "address=/#/\n" };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct fixture f;

	load(&f, env);
	resolver_conf(&f.plan, "dnsmasq", &out);
	const char *names = strstr(buf_cstr(&out), "server=");
	assert_non_null(names);
	assert_string_equal(names, expected);
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		assert_non_null(strstr(buf_cstr(&out), always[i]));
	assert_null(strstr(buf_cstr(&out), "rebind-domain-ok"));
	unload(&f);
}

static void test_covers(void **state UNUSED)
{
	static const struct {
		const char *name;
		bool itself, below;
	} rows[] = {
		{ "a.example", true, true },
		{ "x.a.example", true, true },
		{ "b.example", true, false },
		{ "x.b.example", false, false },
		{ "c.example", true, true },
		{ "x.c.example", true, true },
		{ "xc.example", false, false },
		{ "example", false, false },
	};
	CLEANUP(strv_release) struct strv list = { 0 };
	CLEANUP(allowlist_release) struct allowlist a = { 0 };

	strv_split(&list, "a.example,*.a.example,b.example,*.c.example", ',');
	allowlist_init(&a, &list);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(allowlist_covers(&a, rows[i].name), rows[i].itself);
		assert_int_equal(allowlist_covers_below(&a, rows[i].name), rows[i].below);
	}
}

static void test_script(void **state UNUSED)
{
	static const char *const lines[] = {
		"table inet egress_shithub_actions\ndelete table inet egress_shithub_actions\n"
		"table inet egress_shithub_actions {\n\tcomment \"shithubd-runner ",
		"\t\tip saddr != 172.30.0.0/24 counter name refused_forged drop\n",
		"\t\toifname \"shithub-actions\" counter name refused_neighbour goto refuse\n",
		" } ip daddr != { 10.0.0.0/8, 192.168.1.5 } counter name refused_private goto "
		"refuse\n",
		"\t\tip daddr @handed_out tcp dport { 443, 8080 } ct state new add @connections "
		"{ ip saddr ct count over 1024 } counter name refused_limit goto refuse\n",
		"\t\tip daddr @handed_out tcp dport { 443, 8080 } ct state new update @handed_out "
		"{ ip daddr } counter name allowed accept\n",
		"\t\tip daddr 172.30.0.1 tcp dport 53 ct state new add @dns_streams "
		"{ ip saddr ct count over 4 } counter name refused_limit goto refuse\n",
		"\t\tip daddr 172.30.0.1 udp dport 53 ct state new add @queries "
		"{ ip saddr ct count over 4096 } counter name refused_limit goto refuse\n",
		"\t\tip daddr 172.30.0.1 meta l4proto { tcp, udp } th dport 53 counter name "
		"resolver accept\n",
		"\t\tip daddr { 10.1.1.1, 192.168.1.5 } ip daddr @handed_out tcp dport",
		"\t\tcounter name refused_host goto refuse\n",
	};
	char *env[] = { P "NETWORK__UPSTREAM_DNS=9.9.9.9", P "NETWORK__PORTS=443,8080",
		P "NETWORK__ALLOW_PRIVATE=10.0.0.0/8,10.1.1.1,192.168.1.5", NULL };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct fixture f;
	const char *at;

	load(&f, env);
	nft_script(&f.plan, &out);
	at = buf_cstr(&out);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		at = strstr(at, lines[i]); /* in this order */
		if (!at)
			fail_msg("not there, or not there in order: %s", lines[i]);
	}
	unload(&f);
}

/* The digest tells configurations apart; upstream resolvers are none of its business. */
static void test_digest(void **state UNUSED)
{
	static char *const other[] = { P "NETWORK_ALLOWLIST=a.example", P "NETWORK__PORTS=443",
		P "NETWORK__SUBNET=10.9.8.0/24", P "NETWORK__ALLOW_PRIVATE=10.1.1.1",
		P "ENGINE__NETWORK=ci", P "NETWORK_ALLOWLIST=*.b.example" };
	char digest[NETWORK_DIGEST_MAX], again[NETWORK_DIGEST_MAX];
	char *env[] = { P "NETWORK__UPSTREAM_DNS=9.9.9.9", NULL, NULL };
	struct fixture f;

	load(&f, env);
	nft_digest(&f.plan, digest);
	unload(&f);
	env[0] = (char *)P "NETWORK__UPSTREAM_DNS=1.1.1.1";
	load(&f, env);
	nft_digest(&f.plan, again);
	unload(&f);
	assert_string_equal(digest, again);
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		env[1] = other[i];
		load(&f, env);
		nft_digest(&f.plan, again);
		unload(&f);
		assert_string_not_equal(digest, again);
	}
}

/* ---- verdicts ---- */

static void test_judge(void **state UNUSED)
{
	static const struct {
		const char *probe, *counter, *said, *moved;
		bool want_open;
		enum check_verdict expected;
	} rows[] = {
		{ "name,a,1", NULL, "0 open 1.2.3.4", "0", true, CHECK_STANDS },
		{ "name,a,1", NULL, "0 closed Try again", "0", true, CHECK_FAILS },
		{ "connect,a,1", "c", "0 closed refused", "1", false, CHECK_STANDS },
		{ "connect,a,1", "c", "0 closed refused", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", "c", "0 open a", "1", false, CHECK_FAILS },
		{ "connect,a,1", NULL, "0 closed no route", "0", false, CHECK_STANDS },
		{ "resolve,a", NULL, "0 closed no such name", "0", false, CHECK_STANDS },
		{ "resolve,a", NULL, "0 closed Try again", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", NULL, "", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", NULL, "1 closed x", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", NULL, "0 maybe x", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", NULL, "0 closed\n0", "0", false, CHECK_UNPROVED },
		{ "connect,a,1", NULL, "0 closed x\n0 open x", "0", false, CHECK_STANDS },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(check_report_release)
		struct check_report r = { .rows = xcalloc(1, sizeof(*r.rows)), .n = 1 };
		CLEANUP(pairs_release) struct pairs moved = { 0 };

		r.rows[0] = (struct check_row){ .name = "w",
			.probe = xstrdup(rows[i].probe),
			.counter = rows[i].counter,
			.want_open = rows[i].want_open };
		pairs_set(&moved, "c", rows[i].moved);
		check_judge(&r, rows[i].said, &moved);
		if (r.rows[0].verdict != rows[i].expected)
			fail_msg("row %zu: %s", i, check_verdict_name(r.rows[0].verdict));
		assert_non_null(r.rows[0].detail);
	}
}

/* A firewall that is not ours: the host is the witness, and one hole is enough against it. */
static void test_judge_foreign(void **state UNUSED)
{
	static const struct {
		const char *direct, *datagram, *metadata, *host_port, *control;
		enum check_verdict direct_is, all;
		const char *says;
	} rows[] = {
		{ "closed refused", "closed refused", "closed refused", "closed refused",
			"0 open x\n1 open x\n2 open x", CHECK_STANDS, CHECK_STANDS,
			"not ours (why)" },
		/* nobody is there, for the host neither: no proof, but no hole */
		{ "closed refused", "open Connection timed out", "closed timeout", "closed refused",
			"0 open x\n1 closed timeout", CHECK_STANDS, CHECK_STANDS, "not ours" },
		{ "closed timeout", "closed timeout", "closed timeout", "closed refused",
			"0 closed timeout\n1 closed timeout\n2 closed x", CHECK_UNPROVED,
			CHECK_UNPROVED, "cannot be told" },
		{ "closed timeout", "closed timeout", "closed timeout", "closed refused", "",
			CHECK_UNPROVED, CHECK_UNPROVED, "cannot be told" },
		{ "open 1.1.1.1", "closed x", "closed x", "closed x", "0 open x\n1 open x",
			CHECK_FAILS, CHECK_FAILS,
			"why; no other firewall has proved itself: "
			"direct address (direct)" },
		{ "closed x", "open answered", "closed x", "closed x", "0 open x\n1 open x",
			CHECK_STANDS, CHECK_FAILS, "(datagram): answered" },
		{ "closed x", "closed x", "closed x", "open 10.0.0.1",
			"0 open x\n1 open x\n2 open x", CHECK_STANDS, CHECK_FAILS, "host port" },
	};
	static const struct check_row blank[] = {
		{ .name = "firewall" },
		{ .name = "direct address", .counter = "c" },
		{ .name = "direct address", .counter = "c" },
		{ .name = "metadata", .counter = "c" },
		{ .name = "host port", .counter = "c", .listens = true },
	};
	static const char *const probes[] = { NULL, "connect,a,1", "datagram,a,1", "connect,m,80",
		"connect,h,9" };
	static const char *const whats[] = { "table", "direct", "datagram", "m", "h" };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(check_report_release)
		struct check_report r = {
			.rows = xmalloc(sizeof(blank)), .n = ARRAY_LEN(blank), .foreign = true
		};
		CLEANUP(pairs_release) struct pairs none = { 0 };
		CLEAN_STR char *said = xasprintf("0 %s\n1 %s\n2 %s\n3 %s", rows[i].direct,
			rows[i].datagram, rows[i].metadata, rows[i].host_port);

		memcpy(r.rows, blank, sizeof(blank));
		for (size_t k = 0; k < r.n; k++) {
			r.rows[k].what = xstrdup(whats[k]);
			r.rows[k].probe = probes[k] ? xstrdup(probes[k]) : NULL;
		}
		r.rows[0].detail = xstrdup("why");
		check_judge(&r, said, &none);
		check_control(&r, rows[i].control);
		check_foreign(&r);
		assert_int_equal(r.rows[1].verdict, rows[i].direct_is);
		assert_int_equal(check_report_verdict(&r), rows[i].all);
		if (!strstr(r.rows[0].detail, rows[i].says))
			fail_msg("row %zu: %s", i, r.rows[0].detail);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_moved_subnet),
		cmocka_unit_test(test_refused_plans),
		cmocka_unit_test(test_upstream),
		cmocka_unit_test(test_resolver_conf),
		cmocka_unit_test(test_covers),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_judge_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
