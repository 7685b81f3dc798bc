/* Verb and flag tables; each command line runs in a child with stdout and stderr in files. */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/cli.h"
#include "base/fs.h"

enum speed { WALK, RUN, FLY };
static const char *const speeds[] = { "walk", "run", "fly", NULL };

static int run_job(int argc, char **argv)
{
	const char *name = "-";
	int64_t count = 1;
	bool fast = false;
	struct strv labels = { 0 };
	enum speed speed = WALK;
	enum cli_output output = OUTPUT_TEXT;
	const struct cli_flag flags[] = {
		{ "name", CLI_STRING, &name, "NAME", "whose", .required = true },
		{ "count", CLI_INT, &count, "N", "how many", 1, 64 },
		{ "fast", CLI_BOOL, &fast, NULL, "hurry" },
		{ "label", CLI_STRV, &labels, "L", "what it can do" },
		{ "speed", CLI_CHOICE, &speed, .help = "pace", .words = speeds },
		CLI_OUTPUT_FLAG(output),
	};
	char **args;
	int n;
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), "Runs jobs.", 2, &args, &n);

	if (rc == 0) {
		printf("%s %" PRId64 " %d", name, count, fast);
		strv_each (label, &labels)
			printf(" +%s", label);
		if (speed != WALK)
			printf(" speed=%d", (int)speed);
		if (output == OUTPUT_JSON)
			printf(" json");
		for (int i = 0; i < n; i++)
			printf(" [%s]", args[i]);
		if (args[n])
			printf(" not ended");
	}
	strv_release(&labels);
	return rc < 0 ? EXIT_USAGE : EXIT_OK;
}

static int run_plain(int argc, char **argv)
{
	char **args;
	int n;
	int rc = cli_parse(argc, argv, NULL, 0, NULL, 0, &args, &n);

	if (rc != 0)
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	printf("%s", argv[0]);
	return cli_fail(EXIT_REFUSED, "refused by %s", "design");
}

/* Flags that are taken without their names. */
static int run_named(int argc, char **argv)
{
	const char *repo = "-", *name = "-";
	int64_t id = 0;
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &repo, "REPO", "where", .positional = true },
		{ "id", CLI_INT, &id, "ID", "which", 1, 99, .required = true, .positional = true },
		{ "name", CLI_STRING, &name, "NAME", "how" },
	};
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 1, &args, &n);

	if (rc == 0)
		printf("%s %" PRId64 " %s%s%s", repo, id, name, n ? " +" : "", n ? args[0] : "");
	return rc < 0 ? EXIT_USAGE : EXIT_OK;
}

/* As a verb whose frame adds a flag of the same name. */
static int run_twice(int argc, char **argv)
{
	const char *one, *two;
	const struct cli_flag flags[] = {
		{ "url", CLI_STRING, &one, "URL", "where to send" },
		{ "url", CLI_STRING, &two, "URL", "where to run" },
	};

	return cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, NULL, NULL);
}

static const struct cli_verb runner_verbs[] = {
	{ "list", "lists", "", NULL, run_plain },
	{ NULL },
};
static const struct cli_verb admin_verbs[] = {
	{ "runner", "runners", .sub = runner_verbs },
	{ NULL },
};
static const struct cli_verb verbs[] = {
	{ "run", "runs a job", "--name NAME [FILE]…", "Runs jobs.", run_job },
	{ "secret-role", "internal", .run = run_plain, .hidden = true },
	{ "admin", "administration", .sub = admin_verbs },
	{ "named", "takes arguments", "[REPO] ID", NULL, run_named },
	{ "twice", "has two flags of one name", .run = run_twice },
	{ "both", "has a default", .run = run_plain, .sub = runner_verbs },
	{ NULL },
};

/* Runs one command line (split at blanks), returns its exit code, of a signal 128 and its number.
 */
static int invoke(const char *line, const char *out_path, struct buf *out, struct buf *err_out)
{
	int files[2] = { memfd_create("out", 0), memfd_create("err", 0) }, status;
	struct err e = { 0 };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct strv argv = { 0 };

		strv_split(&argv, line, ' ');
		dup2(out_path ? open(out_path, O_WRONLY) : files[0], STDOUT_FILENO);
		dup2(files[1], STDERR_FILENO);
		int code = cli_main("prog", "1.2", verbs, (int)argv.n, argv.v);
		fflush(NULL);
		_exit(code); /* argv was permuted: not ours to free piece by piece */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	lseek(files[0], 0, SEEK_SET);
	lseek(files[1], 0, SEEK_SET);
	assert_int_equal(fd_read_all(files[0], out, &e), 0);
	assert_int_equal(fd_read_all(files[1], err_out, &e), 0);
	close(files[0]);
	close(files[1]);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void runs_and_refuses(UNUSED void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *out, *err_out; /* exactly */
	} cases[] = {
		{ "prog --version", 0, "prog 1.2\n", "" },
		{ "prog run --name x", 0, "x 1 0", "" },
		{ "prog run a --name=x --count 64 b --fast --label l1 --label=l2", 0,
			"x 64 1 +l1 +l2 [a] [b]", "" },
		{ "prog run --name x --speed fly --output=json", 0, "x 1 0 speed=2 json", "" },
		{ "prog run --name x --speed=run --output text", 0, "x 1 0 speed=1", "" },
		{ "prog run --name x --speed flying", 2, "",
			"prog run: --speed \"flying\": expected walk, run or fly (see --help)\n" },
		{ "prog run --name x --output", 2, "",
			"prog run: --output: expected a value (table|json) (see --help)\n" },
		{ "prog run --name x --output=", 2, "",
			"prog run: --output \"\": expected table or json (see --help)\n" },
		{ "prog run --name= --fast=false --count=1", 0, " 1 0", "" },
		{ "prog run --name x -- --count y", 0, "x 1 0 [--count] [y]", "" },
		{ "prog run --name x -- --count", 0, "x 1 0 [--count]", "" },
		{ "prog run --name x - a", 0, "x 1 0 [-] [a]", "" },
		{ "prog run --name x a b c", 2, "",
			"prog run: unexpected argument \"c\" (see --help)\n" },
		{ "prog run", 2, "", "prog run: --name is required (see --help)\n" },
		{ "prog run --name", 2, "",
			"prog run: --name: expected a value (NAME) (see --help)\n" },
		{ "prog run --name --fast", 2, "",
			"prog run: --name: expected a value (NAME) (see --help)\n" },
		{ "prog run --name x --nam y", 2, "",
			"prog run: unknown flag --nam, did you mean --name? (see --help)\n" },
		{ "prog run --name x -v", 2, "", "prog run: unknown flag -v (see --help)\n" },
		{ "prog run --name x --count 65", 2, "",
			"prog run: --count \"65\": expected a whole number from 1 to 64 (see "
			"--help)\n" },
		{ "prog run --name x --count=1x", 2, "",
			"prog run: --count \"1x\": expected a whole number from 1 to 64 (see "
			"--help)\n" },
		{ "prog run --name x --fast=yes", 2, "",
			"prog run: --fast=\"yes\": expected true or false (see --help)\n" },
		{ "prog nope", 2, "", "prog: unknown verb \"nope\" (`prog --help` lists them)\n" },
		{ "prog admin runner nope", 2, "",
			"prog: unknown verb \"nope\" (`prog admin runner --help` lists them)\n" },
		{ "prog admin runner list", 3, "list", "prog: refused by design\n" },
		{ "prog admin runner list x", 2, "",
			"prog admin runner list: unexpected argument \"x\" (see --help)\n" },
		{ "prog secret-role", 3, "secret-role", "prog: refused by design\n" },
		{ "prog named a 7", 0, "a 7 -", "" },
		{ "prog named --id 7 a", 0, "a 7 -", "" },
		{ "prog named --repo a 7", 0, "a 7 -", "" },
		{ "prog named --repo a --id 7", 0, "a 7 -", "" },
		{ "prog named --name n a 7", 0, "a 7 n", "" },
		{ "prog named a 7 --id 7 --repo=a", 0, "a 7 -", "" },
		{ "prog named a 7 more", 0, "a 7 - +more", "" },
		{ "prog named a 7 more --id 7", 0, "a 7 - +more", "" },
		{ "prog named a 7 --id 8", 2, "",
			"prog named: argument \"7\" and --id differ, expected one of them (see "
			"--help)\n" },
		{ "prog named a 7 --repo b --id 7", 2, "",
			"prog named: argument \"a\" and --repo differ, expected one of them (see "
			"--help)\n" },
		{ "prog named a x", 2, "",
			"prog named: --id \"x\": expected a whole number from 1 to 99 (see "
			"--help)\n" },
		{ "prog named a", 2, "", "prog named: ID or --id ID is required (see --help)\n" },
		{ "prog named a 7 more most", 2, "",
			"prog named: unexpected argument \"most\" (see --help)\n" },
		{ "prog nmaed", 2, "",
			"prog: unknown verb \"nmaed\", did you mean \"named\"? (`prog --help` "
			"lists them)\n" },
		{ "prog secret-rol", 2, "", /* what is hidden is not named */
			"prog: unknown verb \"secret-rol\" (`prog --help` lists them)\n" },
		{ "prog both", 3, "both", "prog: refused by design\n" },
		{ "prog both list", 3, "list", "prog: refused by design\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(10000), err_out CLEAN_BUF = BUF_INIT(10000);
		int code = invoke(cases[i].line, NULL, &out, &err_out);
		assert_string_equal(buf_cstr(&err_out), cases[i].err_out);
		assert_string_equal(buf_cstr(&out), cases[i].out);
		assert_int_equal(code, cases[i].code);
	}
}

static void helps(UNUSED void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *wants[6];
	} cases[] = {
		{ "prog --help", 0, { "usage: prog VERB", "  run  ", "runs a job", "  admin " } },
		{ "prog help", 0, { "usage: prog VERB" } },
		{ "prog help run", 0, { "usage: prog run --name", "whose (required)" } },
		{ "prog help admin", 0, { "usage: prog admin VERB", "  runner" } },
		{ "prog admin help runner list", 0, { "usage: prog admin runner list\n" } },
		{ "prog named --help", 0, { "which (required) (also as an argument)" } },
		{ "prog -h", 0, { "usage: prog VERB" } },
		{ "prog admin --help", 0,
			{ "usage: prog admin VERB", "administration", "  runner" } },
		{ "prog run --help", 0,
			{ "usage: prog run --name NAME [FILE]…\n", "Runs jobs.", "--name NAME ",
				"whose (required)", "what it can do (may be repeated)",
				"--output table|json " } },
		{ "prog run --name x -h", 0, { "  --fast  ", "  --help  " } },
		{ "prog admin runner list --help", 0, { "usage: prog admin runner list\n" } },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(10000), err_out CLEAN_BUF = BUF_INIT(10000);
		assert_int_equal(invoke(cases[i].line, NULL, &out, &err_out), cases[i].code);
		assert_string_equal(buf_cstr(&err_out), "");
		for (size_t k = 0; k < 6 && cases[i].wants[k]; k++)
			if (!strstr(buf_cstr(&out), cases[i].wants[k]))
				fail_msg("%s: no %s in\n%s", cases[i].line, cases[i].wants[k],
					buf_cstr(&out));
		assert_null(strstr(buf_cstr(&out), "secret-role"));
	}
}

/* Without a verb the help is chatter: stderr, and a usage error. */
static void needs_a_verb(UNUSED void **state)
{
	static const char *const lines[] = { "prog", "prog admin", "prog admin runner" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(10000), err_out CLEAN_BUF = BUF_INIT(10000);
		assert_int_equal(invoke(lines[i], NULL, &out, &err_out), EXIT_USAGE);
		assert_string_equal(buf_cstr(&out), "");
		assert_true(str_starts(buf_cstr(&err_out), "usage: prog"));
	}
}

/* Whatever the words are: no command line is needed to find it. */
static void two_flags_of_one_name(UNUSED void **state)
{
	static const char *const lines[] = { "prog twice", "prog twice --help",
		"prog twice --url x" };

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(10000), err_out CLEAN_BUF = BUF_INIT(10000);

		assert_int_equal(invoke(lines[i], NULL, &out, &err_out), 128 + SIGABRT);
		assert_non_null(strstr(buf_cstr(&err_out), "prog twice: two flags --url"));
	}
}

static void notices_lost_output(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(10000), err_out CLEAN_BUF = BUF_INIT(10000);

	assert_int_equal(invoke("prog --version", "/dev/full", &out, &err_out), EXIT_FINDINGS);
	assert_string_equal(
		buf_cstr(&err_out), "prog: cannot write the output: No space left on device\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_and_refuses),
		cmocka_unit_test(helps),
		cmocka_unit_test(needs_a_verb),
		cmocka_unit_test(two_flags_of_one_name),
		cmocka_unit_test(notices_lost_output),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
