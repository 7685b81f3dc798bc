/* The runner's option table: sources, precedence, checks, and docs/CONFIG.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_options.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* One load with a file of this text in a temporary folder. */
struct fixture {
	char dir[64], file[80], token_file[80];
	struct runner_config config;
	struct options o;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-options-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->file, sizeof(f->file), "%s/config.toml", f->dir);
	snprintf(f->token_file, sizeof(f->token_file), "%s/token", f->dir);
	*state = f;
	return 0;
}

static void release(struct fixture *f)
{
	runner_config_release(&f->config);
	options_release(&f->o);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	release(f);
	unlink(f->file);
	unlink(f->token_file);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void put_file(const char *path, const char *text, mode_t mode)
{
	struct err e = { 0 };

	if (file_replace(path, text, strlen(text), mode, &e) < 0)
		fail_msg("%s", e.text);
}

static int load(struct fixture *f, const char *text, char **env, int argc, char **argv)
{
	static char *none[] = { NULL };
	struct runner_args args;
	char *all[32] = { "run" };

	release(f);
	int n = 1;
	if (text) {
		put_file(f->file, text, 0600);
		all[n++] = "--config";
		all[n++] = f->file;
	}
	for (int i = 0; i < argc; i++)
		all[n++] = argv[i];
	assert_int_equal(runner_args_parse(&args, n, all, NULL, 0, "test"), 0);
	return runner_config_load(&f->config, &f->o, &args, env ? env : none);
}
#define LOAD(f, text, env, ...)                                                     \
	load(f, text, env, (int)ARRAY_LEN(((char *[]){ NULL, ##__VA_ARGS__ })) - 1, \
		((char *[]){ NULL, ##__VA_ARGS__ }) + 1)

static bool has_problem(const struct fixture *f, const char *part)
{
	for (size_t i = 0; i < f->o.n_problems; i++) {
		CLEAN_STR char *line = option_problem_line(&f->o.problems[i]);

		if (strstr(line, part))
			return true;
	}
	return false;
}

static void show(const struct fixture *f)
{
	for (size_t i = 0; i < f->o.n_problems; i++) {
		CLEAN_STR char *line = option_problem_line(&f->o.problems[i]);

		print_error("  %s\n", line);
	}
}

static void assert_problem(const struct fixture *f, const char *part)
{
	if (has_problem(f, part))
		return;
	show(f);
	fail_msg("no problem says: %s", part);
}

static void assert_loaded(const struct fixture *f, int rc)
{
	if (rc == 0)
		return;
	show(f);
	fail_msg("refused");
}

static const struct option_value *value(
	const struct fixture *f, const char *section, const char *key)
{
	return &f->o.values[options_find(&f->o, section, key)];
}

static void test_defaults(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	assert_loaded(f, LOAD(f, "", NULL));
	const struct runner_config *c = &f->config;
	assert_string_equal(c->server.base_url, "http://127.0.0.1:8080");
	assert_int_equal(c->runner.labels.n, 4);
	assert_string_equal(c->runner.labels.v[2], "ubuntu-latest");
	assert_int_equal(c->runner.network_allowlist.n, 8);
	assert_string_equal(c->runner.network_allowlist.v[7], "*.githubusercontent.com");
	assert_false(c->runner.network_allowlist_given);
	assert_int_equal(c->runner.capacity, 1);
	assert_int_equal(c->runner.poll_interval_us, 5 * USEC_PER_SEC);
	assert_int_equal(c->runner.workspace_ttl_us, 24 * 3600 * USEC_PER_SEC);
	assert_string_equal(c->runner.workspace_root, "/var/lib/shithubd-runner/workspaces");
	assert_string_equal(c->runner.state_dir, "/var/lib/shithubd-runner");
	assert_int_equal(c->runner.step_log_limit, LIMIT_STEP_LOG);
	assert_int_equal(c->runner.stop_grace_us, 5 * USEC_PER_SEC);
	assert_int_equal(c->runner.log_level, LOG_INFO);
	assert_int_equal(c->engine.kind, ENGINE_AUTO);
	assert_int_equal(c->engine.memory, GIB(2));
	assert_int_equal(c->engine.nano_cpus, INT64_C(2000000000));
	assert_int_equal(c->engine.uid, 65534);
	assert_int_equal(c->engine.gid, 65534);
	assert_int_equal(c->engine.pids_limit, 512);
	assert_int_equal(c->engine.nofile_limit, 4096);
	assert_int_equal(c->engine.tmp_size, GIB(1));
	assert_int_equal(c->engine.dns_servers.n, 1);
	assert_string_equal(c->engine.dns_servers.v[0], "172.30.0.1");
	assert_int_equal(runner_config_require(c, &e), -1);
	assert_string_equal(e.text,
		"not set: runner.token (--token-file FILE, or LoadCredential=token: of the unit; "
		"`shithubd admin runner register` prints one); set it in the file or with this "
		"flag");
}

static void test_runbook_file(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	static const char text[] =
		"[server]\nbase_url = \"https://shithub.example/\"\n"
		"[runner]\ntoken = \"" TOKEN "\"\n"
		"labels = [\"self-hosted\", \"linux\", \"ubuntu-latest\", \"x64\"]\n"
		"capacity = 0x4\npoll_interval = \"1m30s\"\n"
		"network_allowlist = [\"github.com\", \"*.GitHubUserContent.com\"]\n"
		"[engine]\nkind = \"docker\"\nmemory = 1073741824\ncpus = 1.5\n"
		"user = \"1000:1001\"\nseccomp_profile = \"\"\nseccomp_unverified = true\n"
		"dns_servers = [\"10.0.0.1\", \"fd00::1\"]\nisolation = \"job\"\n";

	assert_loaded(f, LOAD(f, text, NULL));
	const struct runner_config *c = &f->config;
	assert_string_equal(c->server.base_url, "https://shithub.example");
	assert_string_equal(c->runner.token, TOKEN);
	assert_int_equal(c->runner.labels.n, 4);
	assert_string_equal(c->runner.labels.v[2], "ubuntu-latest");
	assert_int_equal(c->runner.capacity, 4);
	assert_int_equal(c->runner.poll_interval_us, 90 * USEC_PER_SEC);
	assert_string_equal(c->runner.network_allowlist.v[1], "*.githubusercontent.com");
	assert_int_equal(c->engine.kind, ENGINE_DOCKER);
	assert_int_equal(c->engine.memory, GIB(1));
	assert_int_equal(c->engine.nano_cpus, INT64_C(1500000000));
	assert_int_equal(c->engine.uid, 1000);
	assert_int_equal(c->engine.gid, 1001);
	assert_null(c->engine.seccomp_profile);
	assert_true(c->engine.seccomp_unverified);
	assert_int_equal(c->engine.dns_servers.n, 2);
	assert_int_equal(c->engine.isolation, ISOLATION_JOB);
	assert_int_equal(runner_config_require(c, &e), 0);
	assert_int_equal(f->o.warnings.n, 0);
}

static void test_precedence(void **state)
{
	struct fixture *f = *state;
	char *env[] = { "PATH=/bin", "SHITHUB_RUNNER_CAPACITY=3", "SHITHUB_RUNNER_LABELS=a, b",
		"SHITHUB_RUNNER_SERVER__BASE_URL=http://127.0.0.1:80/x/",
		"SHITHUB_RUNNER_RUNNER__LOG_LEVEL=debug", "SHITHUB_RUNNER_ENGINE__MEMORY=3g",
		NULL };

	assert_loaded(f, LOAD(f, "[runner]\ncapacity = 2\nstop_grace = '7s'\nlabels=['x']\n", env,
				 "--capacity=4", "--dns-servers", "1.1.1.1,9.9.9.9"));
	assert_int_equal(f->config.runner.capacity, 4);
	assert_int_equal(f->config.runner.stop_grace_us, 7 * USEC_PER_SEC);
	assert_int_equal(f->config.runner.labels.n, 2);
	assert_string_equal(f->config.runner.labels.v[1], "b");
	assert_string_equal(f->config.server.base_url, "http://127.0.0.1:80/x");
	assert_int_equal(f->config.runner.log_level, LOG_DEBUG);
	assert_int_equal(f->config.engine.memory, GIB(3));
	assert_int_equal(f->config.engine.dns_servers.n, 2);
	assert_string_equal(value(f, "runner", "capacity")->source, "--capacity");
	assert_int_equal(value(f, "runner", "capacity")->origin, ORIGIN_FLAG);
	assert_string_equal(value(f, "runner", "labels")->source, "SHITHUB_RUNNER_LABELS");
	CLEAN_STR char *place = xasprintf("%s:3", f->file);
	assert_string_equal(value(f, "runner", "stop_grace")->source, place);
	assert_int_equal(value(f, "engine", "pids_limit")->origin, ORIGIN_DEFAULT);
	assert_null(value(f, "engine", "pids_limit")->source);
}

/* One step user a slot: a range of at least runner.capacity. */
static void test_user_range(void **state)
{
	struct fixture *f = *state;

	assert_loaded(
		f, LOAD(f, "[runner]\ncapacity = 4\n[engine]\nuser = '200000-200003'\n", NULL));
	assert_int_equal(f->config.engine.uid, 200000);
	assert_int_equal(f->config.engine.gid, 200000);
	assert_int_equal(f->config.engine.users, 4);
}

/* And one project a slot. */
static void test_project_ids(void **state)
{
	struct fixture *f = *state;

	assert_loaded(f, LOAD(f, "[runner]\ncapacity = 4\nproject_ids = '300000-300003'\n", NULL));
	assert_int_equal(f->config.runner.project_first, 300000);
	assert_int_equal(f->config.runner.project_ids, 4);
}

static void test_user_range_refused(void **state)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "[runner]\ncapacity = 4\n[engine]\nuser = '200000-200002'\n",
			"expected a range of at least runner.capacity users, which is 4" },
		{ "[runner]\ncapacity = 4\nproject_ids = '300000-300002'\n",
			"expected a range of at least runner.capacity projects, which is 4" },
		{ "[runner]\nproject_ids = '300000'\n", "expected a range of at most 64" },
		{ "[runner]\nproject_ids = '1-65'\n", "expected a range of at most 64" },
		{ "[engine]\nuser = '0-10'\n", "expected \"uid:gid\" in numbers" },
		{ "[engine]\nuser = '9-8'\n", "expected \"uid:gid\" in numbers" },
		{ "[engine]\nuser = '9-'\n", "expected \"uid:gid\" in numbers" },
		{ "[engine]\nuser = '-9'\n", "expected \"uid:gid\" in numbers" },
	};

	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(LOAD(f, cases[i].text, NULL), -1);
		assert_problem(f, cases[i].problem);
	}
}

/* Everything wrong in one file is said at once, each with its place. */
static void test_all_problems(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "colour = 1\n"                      /* 1 */
				   "[server]\nbase_url = 'ftp://x'\n"  /* 3 */
				   "[runner]\ncapcity = 2\n"           /* 5 */
				   "capacity = 65\n"                   /* 6 */
				   "labels = ['a+b', 'ok', 'ok', 7]\n" /* 7 */
				   "poll_interval = 5\n"               /* 8 */
				   "token = 'SECRETSECRET'\n"          /* 9 */
				   "[engine]\nuser = '0:0'\n"          /* 11 */
				   "cpus = 'many'\n"                   /* 12 */
				   "memory = '1k'\n"                   /* 13 */
				   "dns_servers = ['dns.example']\n"   /* 14 */
				   "kind = 'lxc'\n"                    /* 15 */
				   "network = \"a\\u0000b\"\n"         /* 16 */
				   "[engin]\nx = 1\n";                 /* 17 */
	static const char *const wanted[] = {
		"toml:1:1: colour: unknown key",
		"toml:3:12: server.base_url: \"ftp://x\" refused: expected an http:// or",
		"toml:5:1: runner.capcity: unknown key, expected a key of [runner]; did you mean",
		"toml:6:12: runner.capacity: \"65\" refused: expected a whole number from 1 to 64",
		"toml:7:11: runner.labels: \"a+b\" refused: expected 1 to 100 of A-Z",
		"toml:7:24: runner.labels: \"ok\" refused: expected each item once",
		"toml:7:30: runner.labels: found an integer, expected a string in this array",
		"toml:8:17: runner.poll_interval: found an integer, expected a duration from",
		"toml:9:9: runner.token: value refused (not shown): expected 64 lower-case hex",
		"toml:11:8: engine.user: \"0:0\" refused: root steps are not supported",
		"toml:12:8: engine.cpus: \"many\" refused: expected a number of CPUs",
		"toml:13:10: engine.memory: \"1k\" refused: expected a size from 16m to",
		"toml:14:16: engine.dns_servers: \"dns.example\" refused: expected an IPv4 or IPv6",
		"toml:15:8: engine.kind: \"lxc\" refused: expected one of auto, docker, podman",
		"toml:16:11: engine.network: value holds a NUL",
		"toml:17:2: engin: unknown section",
	};

	assert_int_equal(LOAD(f, text, NULL), -1);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_problem(f, wanted[i]);
	assert_problem(f, "did you mean \"capacity\"?");
	assert_int_equal(f->o.n_problems, ARRAY_LEN(wanted));
	assert_false(has_problem(f, "SECRETSECRET"));
	assert_null(f->config.runner.workspace_root);
}

static void test_syntax(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(LOAD(f, "[runner]\ncapacity = \n", NULL), -1);
	assert_problem(f, "config.toml:2:12: found the end of the line, expected a value");
	assert_int_equal(LOAD(f, "runner = 1\n", NULL), -1);
	assert_problem(f, "toml:1:1: runner: found an integer, expected the section [runner]");
	assert_int_equal(LOAD(f, "[[runner]]\n", NULL), -1);
	assert_problem(f, "found an array, expected the section [runner]");
}

static void test_environment(void **state)
{
	struct fixture *f = *state;
	char *env[] = { "SHITHUB_RUNNER_CAPCITY=3", "SHITHUB_RUNNER_ENGINE__CAPACITY=1",
		"SHITHUB_RUNNER_CA_FILE=/x", "SHITHUB_RUNNER_STOP_GRACE=\t5s",
		"SHITHUB_RUNNER_LABELS=a,\xff", "SHITHUB_RUNNER_=1", NULL };
	char *unset[] = { "SHITHUB_RUNNER_TOKEN=", "SHITHUB_RUNNER_LABELS=", NULL };
	char *empty[] = { "SHITHUB_RUNNER_CAPACITY=", NULL };
	struct err e = { 0 };

	assert_int_equal(LOAD(f, NULL, env), -1);
	assert_problem(f, "environment SHITHUB_RUNNER_CAPCITY: unknown name, expected a documented "
			  "one; did you mean SHITHUB_RUNNER_RUNNER__CAPACITY?");
	assert_problem(f, "environment SHITHUB_RUNNER_ENGINE__CAPACITY: unknown name");
	assert_problem(f, "environment SHITHUB_RUNNER_CA_FILE: unknown name");
	assert_problem(f, "runner.stop_grace: \"?5s\" refused: expected text without control");
	assert_problem(f, "runner.labels: \"?\" refused: expected valid UTF-8");
	assert_problem(f, "environment SHITHUB_RUNNER_: unknown name");
	assert_int_equal(f->o.n_problems, 6);
	assert_loaded(f, LOAD(f, "[runner]\ntoken = '" TOKEN "'\nlabels = ['a']\n", unset));
	assert_null(f->config.runner.token);
	assert_int_equal(f->config.runner.labels.n, 0);
	assert_int_equal(runner_config_require(&f->config, &e), -1);
	assert_non_null(strstr(e.text, "runner.labels (--labels A,B)"));
	assert_int_equal(LOAD(f, "", empty), -1);
	assert_problem(f, "environment SHITHUB_RUNNER_CAPACITY: runner.capacity: \"\" refused");
}

/* Names by which the hosted service's own runner knows keys of ours. */
static void test_names_of_the_hosted_runner(void **state)
{
	struct fixture *f = *state;
	char *env[] = { "SHITHUB_RUNNER_URL=https://a.example", "SHITHUB_RUNNER_LOG__FORMAT=json",
		"SHITHUB_RUNNER_TOKEN=" TOKEN, "SHITHUB_RUNNER_RUNNER__TOKEN=" OTHER,
		"SHITHUB_RUNNER_RUNNER__LABELS=full", "SHITHUB_RUNNER_LABELS=short", NULL };

	assert_loaded(f, LOAD(f, "[log]\nlevel = \"debug\"\nformat = \"text\"\n", env,
				 "--container-user", "7:8", "--pids-limit", "99", "--workspace-ttl",
				 "2h", "--network-allowlist", "a.example"));
	assert_string_equal(f->config.server.base_url, "https://a.example");
	assert_int_equal(f->config.runner.log_level, LOG_DEBUG);
	assert_int_equal(f->config.runner.log_format, LOG_JSON);
	assert_int_equal(f->config.engine.uid, 7);
	assert_int_equal(f->config.engine.pids_limit, 99);
	assert_int_equal(f->config.runner.workspace_ttl_us, 7200 * USEC_PER_SEC);
	assert_true(f->config.runner.network_allowlist_given);
	assert_string_equal(value(f, "runner", "log_level")->source + strlen(f->file), ":2");
	assert_string_equal(value(f, "engine", "user")->source, "--container-user");

	/* the full name wins in whatever order they come, and that is said */
	assert_string_equal(f->config.runner.token, OTHER);
	assert_string_equal(f->config.runner.labels.v[0], "full");
	assert_int_equal(f->o.warnings.n, 2);
	assert_string_equal(f->o.warnings.v[0],
		"runner.token: both SHITHUB_RUNNER_TOKEN and SHITHUB_RUNNER_RUNNER__TOKEN are set, "
		"SHITHUB_RUNNER_TOKEN is ignored");
	assert_string_equal(f->o.warnings.v[1],
		"runner.labels: both SHITHUB_RUNNER_RUNNER__LABELS and SHITHUB_RUNNER_LABELS are "
		"set, SHITHUB_RUNNER_LABELS is ignored");

	assert_int_equal(
		LOAD(f, "[log]\nlevel = 'debug'\n[runner]\nlog_level = 'info'\n", NULL), -1);
	assert_problem(f, "config.toml:4:1: runner.log_level: ");
	assert_problem(f, "config.toml:2 sets the same key, expected it once");
	assert_int_equal(LOAD(f, "[log]\nlevl = 'debug'\nlevel = 'loud'\n", NULL), -1);
	assert_problem(f, "toml:2:1: log.levl: unknown key, expected a key of [log]");
	assert_problem(f, "toml:3:9: runner.log_level: \"loud\" refused: expected one of debug");
	assert_int_equal(LOAD(f, "", NULL, "--user", "7:8", "--container-user", "7:8"), -1);
	assert_problem(f, "--container-user: engine.user: --user sets the same key");
}

/* A relative path on the command line begins at the working directory. */
static void test_relative_paths(void **state)
{
	static const struct {
		const char *flag, *given, *wanted; /* below the fixture's folder; NULL: refused */
	} rows[] = {
		{ "--state-dir", "s", "/in/s" },
		{ "--state-dir", "./s/", "/in/s" },
		{ "--state-dir", "../s", "/s" },
		{ "--state-dir", ".././/../s", NULL }, /* above the folder */
		{ "--state-dir", ".", "/in" },
		{ "--state-dir", "..", "" },
		{ "--state-dir", "...", "/in/..." },
		{ "--state-dir", "a/../b", NULL },
		{ "--workspace-root", "w/x", "/in/w/x" },
		{ "--seccomp-profile", "../p.json", "/p.json" },
		{ "--registry-auth-file", "auth.json", "/in/auth.json" },
		{ "--engine-socket", "e.sock", "/in/e.sock" },
		{ "--metrics-listen", "./m.sock", "/in/m.sock" },
		{ "--metrics-listen", "m.sock", NULL },
	};
	struct fixture *f = *state;
	CLEAN_STR char *in = xasprintf("%s/in", f->dir);
	char before[PATH_MAX];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(mkdir(in, 0700), 0);
	assert_int_equal(chdir(in), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int rc = LOAD(f, "", NULL, (char *)rows[i].flag, (char *)rows[i].given);
		CLEAN_STR char *wanted =
			rows[i].wanted ? xasprintf("%s%s", f->dir, rows[i].wanted) : NULL;
		size_t at = 0;

		while (!str_eq(runner_option_table[at].flag, rows[i].flag + 2))
			at++;
		if (wanted && rc < 0)
			fail_msg("%s %s", rows[i].flag, rows[i].given);
		if (wanted)
			assert_string_equal(f->o.values[at].text, wanted);
		else if (rc == 0) /* higher than the fixture: only not below it */
			assert_false(str_starts(f->o.values[at].text, f->dir));
	}
	put_file(f->token_file, TOKEN "\n", 0600);
	assert_loaded(f, LOAD(f, "", NULL, "--token-file", "../token"));
	assert_string_equal(f->config.runner.token, TOKEN);
	/* a file's are relative to the file, wherever the program stands */
	assert_loaded(f, LOAD(f, "[runner]\ntoken_file = 'token'\n", NULL));
	assert_string_equal(f->config.runner.token, TOKEN);
	assert_loaded(f, LOAD(f, "[runner]\ntoken_file = './token'\n", NULL));
	assert_int_equal(LOAD(f, "[runner]\ntoken_file = 'in/../token'\n", NULL), -1);
	assert_problem(f, "expected an absolute path");
	CLEAN_STR char *name = xasprintf("SHITHUB_RUNNER_TOKEN_FILE=%s", "token");
	char *env[] = { name, NULL };
	assert_int_equal(LOAD(f, "", env), -1);
	assert_problem(f, "expected an absolute path");
	assert_int_equal(chdir(before), 0);
	rmdir(in);
}

static void test_config_path(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *name = xasprintf("SHITHUB_RUNNER_CONFIG=%s", f->file);
	char *env[] = { name, NULL };

	put_file(f->file, "[runner]\ncapacity = 9\n", 0600);
	assert_loaded(f, LOAD(f, NULL, env));
	assert_int_equal(f->config.runner.capacity, 9);
	assert_int_equal(LOAD(f, NULL, env, "--config", "/nonexistent/x.toml"), -1);
	assert_problem(f, "/nonexistent/x.toml");
	unlink(f->file);
	assert_int_equal(LOAD(f, NULL, env), -1);
	assert_problem(f, "config.toml");
	assert_int_equal(LOAD(f, NULL, NULL, "--config", ""), -1);
	assert_problem(f, "--config: expected the path of a file");
}

static void test_token_file(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *text = xasprintf("[runner]\ntoken_file = '%s'\n", f->token_file);
	CLEAN_STR char *both = xasprintf("%stoken = '" TOKEN "'\n", text);
	char *env[] = { "SHITHUB_RUNNER_TOKEN=" OTHER, NULL };

	assert_int_equal(LOAD(f, text, NULL), -1);
	assert_problem(f, "No such file");
	put_file(f->token_file, TOKEN "\n", 0640);
	chmod(f->token_file, 0640);
	assert_int_equal(LOAD(f, text, NULL), -1);
	assert_problem(f, "mode 0640), expected 0600: chmod 0600");
	chmod(f->token_file, 0600);
	assert_loaded(f, LOAD(f, text, NULL));
	assert_string_equal(f->config.runner.token, TOKEN);
	assert_int_equal(LOAD(f, both, NULL), -1);
	assert_problem(f, "both token and token_file are set");
	assert_loaded(f, LOAD(f, text, env));
	assert_string_equal(f->config.runner.token, OTHER);
	assert_loaded(f, LOAD(f, "", env, "--token-file", f->token_file));
	assert_string_equal(f->config.runner.token, TOKEN);
	/* as systemd hands it to a unit: root's, and readable through an access list */
	CLEAN_STR char *folder = xasprintf("CREDENTIALS_DIRECTORY=%s", f->dir);
	CLEAN_STR char *other =
		xasprintf("CREDENTIALS_DIRECTORY=%.*s", (int)strlen(f->dir) - 1, f->dir);
	char *unit[] = { folder, NULL }, *near[] = { other, NULL };
	chmod(f->token_file, 0440);
	assert_loaded(f, LOAD(f, text, unit));
	assert_string_equal(f->config.runner.token, TOKEN);
	assert_int_equal(LOAD(f, text, near), -1);
	assert_problem(f, "mode 0440), expected 0600");
	chmod(f->token_file, 0444);
	assert_int_equal(LOAD(f, text, unit), -1);
	assert_int_equal(LOAD(f, "", unit, "--token-file", "/run/credentials/x.service/token"), -1);
	assert_problem(f, "the unit was given no such credential; add LoadCredential=token:");
	put_file(f->token_file, "SECRETSECRET\n", 0600);
	assert_int_equal(LOAD(f, text, NULL), -1);
	assert_problem(f, "content is not a token (not shown), expected 64");
	assert_false(has_problem(f, "SECRETSECRET"));
	assert_int_equal(LOAD(f, "", NULL, "--token-file", "/dev/null"), -1);
	assert_problem(f, "/dev/null: not a regular file");
}

static void test_credential(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *folder = xasprintf("CREDENTIALS_DIRECTORY=%s", f->dir);
	char *env[] = { folder, NULL }, *both[] = { folder, "SHITHUB_RUNNER_TOKEN=" OTHER, NULL };

	assert_loaded(f, LOAD(f, "", env));
	assert_null(f->config.runner.token);
	put_file(f->token_file, "\n", 0400); /* the unit's, where there is no file */
	assert_loaded(f, LOAD(f, "", env));
	assert_null(f->config.runner.token);
	put_file(f->token_file, TOKEN "\n", 0400);
	assert_loaded(f, LOAD(f, "", env));
	assert_string_equal(f->config.runner.token, TOKEN);
	assert_loaded(f, LOAD(f, "", both));
	assert_string_equal(f->config.runner.token, OTHER);
	assert_loaded(f, LOAD(f, "[runner]\ntoken = '" OTHER "'\n", env));
	assert_string_equal(f->config.runner.token, OTHER);
}

/* For verbs that send none, such as status: a wrong token is no reason to refuse. */
static void test_without_token(void **state)
{
	struct fixture *f = *state;
	struct runner_args args = { .config = f->file };
	CLEAN_STR char *text = xasprintf("[runner]\ntoken = 'bad'\ntoken_file = '%s'\n"
					 "state_dir = '/s'\n",
		f->token_file);
	char *env[] = { NULL };

	put_file(f->file, text, 0600);
	assert_int_equal(runner_config_load(&f->config, &f->o, &args, env), -1);
	assert_int_equal(f->o.n_problems, 2);
	release(f);
	args.without_token = true;
	assert_loaded(f, runner_config_load(&f->config, &f->o, &args, env));
	assert_string_equal(f->config.runner.state_dir, "/s");
	assert_null(f->config.runner.token);
	release(f);
	put_file(f->file, "[runner]\ntoken = 'bad'\ncapacity = 0\n", 0600);
	assert_int_equal(runner_config_load(&f->config, &f->o, &args, env), -1);
	assert_int_equal(f->o.n_problems, 1);
}

static void test_warnings(void **state)
{
	struct fixture *f = *state;

	static const struct {
		char *url;
		size_t warnings;
	} rows[] = {
		{ "http://example.com", 1 },
		{ "http://128.0.0.1", 1 },
		{ "http://localhost.evil.com:8080/x", 1 },
		{ "HTTPS://example.com", 0 },
		{ "http://localhost", 0 },
		{ "http://127.9.9.9:81", 0 },
		{ "http://[::1]:81/", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_loaded(f, LOAD(f, "", NULL, "--server-url", rows[i].url));
		assert_int_equal(f->o.warnings.n, rows[i].warnings);
	}
	assert_loaded(f, LOAD(f, "", NULL, "--token", TOKEN));
	assert_int_equal(f->o.warnings.n, 1);
	put_file(f->token_file, "[runner]\ntoken = '" TOKEN "'\n", 0644);
	chmod(f->token_file, 0644);
	assert_loaded(f, LOAD(f, NULL, NULL, "--config", f->token_file));
	assert_int_equal(f->o.warnings.n, 1);
}

/* flag, accepted? */
static const struct {
	char *flag, *text;
	bool fine;
} values[] = {
	{ "--server-url", "https://h", true },
	{ "--server-url", "https://h:65535/a//", true },
	{ "--server-url", "https://[fd00::1]:1/a", true },
	{ "--server-url", "https://", false },
	{ "--server-url", "https://:80", false },
	{ "--server-url", "https://h:0", false },
	{ "--server-url", "https://h:65536", false },
	{ "--server-url", "https://h:8a", false },
	{ "--server-url", "https://[fd00", false },
	{ "--server-url", "https://[x]", false },
	{ "--server-url", "https://[::1]x", false },
	{ "--server-url", "https://u:p@h", false },
	{ "--server-url", "https://u@h/x", false },
	{ "--server-url", "https://h/?q", false },
	{ "--server-url", "https://h/#f", false },
	{ "--server-url", "https://h/a b", false },
	{ "--server-url", "https://h\\x", false },
	{ "--server-url", "https:h", false },
	{ "--server-url", "h", false },
	{ "--token", TOKEN, true },
	{ "--token", TOKEN "0", false },
	{ "--token", "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ "--labels", "a,b_,.-", true },
	{ "--labels", "a,a", false },
	{ "--labels", "ä", false },
	{ "--capacity", "64", true },
	{ "--capacity", "0", false },
	{ "--capacity", "1x", false },
	{ "--poll-interval", "100ms", true },
	{ "--poll-interval", "10m", true },
	{ "--poll-interval", "99ms", false },
	{ "--poll-interval", "601s", false },
	{ "--poll-interval", "5", false },
	{ "--workspace-root", "/w/", true },
	{ "--workspace-root", "/", false },
	{ "--workspace-root", "///", false },
	{ "--workspace-root", "w", true },
	{ "--workspace-root", "/a/../b", false },
	{ "--workspace-root", "/a/..", false },
	{ "--workspace-root", "/a..b", true },
	{ "--network", "none", true },
	{ "--network", "host", false },
	{ "--network", "container:x", false },
	{ "--engine-socket", "unix:///run/docker.sock", true },
	{ "--engine-socket", "tcp://h:2375", false },
	{ "--image", "h:5000/a/b@sha256:00", true },
	{ "--image", "-v", false },
	{ "--image", "a b", false },
	{ "--cpus", "0.01", true },
	{ "--cpus", "0.5", true },
	{ "--cpus", "1024", true },
	{ "--cpus", "1024.1", false },
	{ "--cpus", "0", false },
	{ "--cpus", ".5", false },
	{ "--cpus", "1.", false },
	{ "--cpus", "-1", false },
	{ "--cpus", "1e3", false },
	{ "--cpus", "1.0000000001", false },
	{ "--user", "1", true },
	{ "--user", "1:0", false },
	{ "--user", "0:1", false },
	{ "--user", "1:", false },
	{ "--user", "nobody", false },
	{ "--user", "2147483648", false },
	{ "--memory", "16m", true },
	{ "--memory", "15m", false },
	{ "--memory", "2x", false },
	{ "--dns-servers", "1.2.3.4,::1", true },
	{ "--dns-servers", "1.2.3", false },
	{ "--metrics-listen", "127.0.0.1:9464", true },
	{ "--metrics-listen", "[::1]:0", true },
	{ "--metrics-listen", "unix:///run/m.sock", true },
	{ "--metrics-listen", "::1:9464", false },
	{ "--metrics-listen", "localhost:9464", false },
	{ "--metrics-listen", "127.0.0.1:65536", false },
	{ "--metrics-listen", "127.0.0.1", false },
	{ "--metrics-listen", "9464", false },
	{ "--high-water", "100", true },
	{ "--high-water", "0", false },
	{ "--high-water", "85%", false },
	{ "--low-water", "84", true },
	{ "--low-water", "85", false },
	{ "--min-free", "0", true },
	{ "--min-free", "100", false },
	{ "--stale", "1m", true },
	{ "--stale", "7", false },
	{ "--step-io", "gate", true },
	{ "--isolation", "none", false },
	{ "--pull", "always", true },
	{ "--pull", "sometimes", false },
	{ "--pull-timeout", "0s", false },
	{ "--registry-auth-file", "a/../config.json", false },
	{ "--log-format", "json", true },
	{ "--log-level", "INFO", false },
};

static void test_values(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		int rc = LOAD(f, "", NULL, values[i].flag, values[i].text);

		if ((rc == 0) != values[i].fine) {
			show(f);
			fail_msg("%s %s: %s", values[i].flag, values[i].text,
				rc ? "refused" : "accepted");
		}
		if (rc) {
			assert_problem(f, "expected ");
			assert_string_equal(f->o.problems[0].source, values[i].flag);
		}
	}
}

/* A lower mark that nobody set follows the upper one; one that was set is never overruled. */
static void test_water(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *file, *high;
		int64_t low;
	} rows[] = { { "", "85", 75 }, { "", "76", 75 }, { "", "75", 74 }, { "", "1", 0 },
		{ "[disk]\nlow_water = 30\n", "31", 30 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_loaded(f, LOAD(f, rows[i].file, NULL, "--high-water", (char *)rows[i].high));
		assert_int_equal(f->config.disk.low_water, rows[i].low);
	}
	assert_int_equal(LOAD(f, "[disk]\nlow_water = 30\n", NULL, "--high-water", "30"), -1);
	assert_problem(f, "disk.low_water: expected less than disk.high_water, which is 30");
	assert_loaded(f, LOAD(f, "[disk]\nprotected = [\"main\", \"7/41\"]\n", NULL));
	assert_int_equal(f->config.disk.protected.n, 2);
	assert_int_equal(LOAD(f, "[disk]\nprotected = [\"../x\"]\n", NULL), -1);
	assert_problem(f, "expected the name of a folder");
}

/* Every key stands in docs/CONFIG.md with its flag and default. */
static void test_documented(void **state)
{
	CLEAN_BUF struct buf doc = BUF_INIT(MIB(1));
	struct err e = { 0 };

	(void)state;
	if (file_read("docs/CONFIG.md", &doc, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < RUNNER_OPTION_COUNT; i++) {
		const struct option *opt = &runner_option_table[i];
		CLEAN_STR char *row = xasprintf("\n| `%s` |", opt->key);
		CLEAN_STR char *section = xasprintf("\n## [%s]", opt->section);
		CLEAN_STR char *flag = xasprintf("| `--%s` |", opt->flag ? opt->flag : "");
		const char *from = strstr(doc.data, section);
		const char *line = from ? strstr(from, row) : NULL;

		if (!line) {
			fail_msg("no row for %s.%s", opt->section, opt->key);
			return;
		}
		CLEAN_STR char *text = xstrndup(line + 1, strcspn(line + 1, "\n"));
		if (opt->flag && !strstr(text, flag))
			fail_msg("%s: flag is not documented", text);
		if (opt->fallback && !strstr(text, opt->fallback))
			fail_msg("%s: default %s is not documented", text, opt->fallback);
		if (!opt->help)
			fail_msg("%s: the table has no help for `config keys`", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_runbook_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_precedence, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_project_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user_range_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_problems, setup, teardown),
		cmocka_unit_test_setup_teardown(test_syntax, setup, teardown),
		cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_of_the_hosted_runner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relative_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_config_path, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credential, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_token, setup, teardown),
		cmocka_unit_test_setup_teardown(test_warnings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_water, setup, teardown),
		cmocka_unit_test(test_documented),
	};

	return cmocka_run_group_tests_name("runner_options", tests, NULL, NULL);
}
