/* What a step sees and may do in its box, and the inputs it can be given. */
#include "base/limits.h"
#include "tests/unit/help/box_world.h"

/* ---- scripts: the same for both transports ---- */

static const struct script_case {
	const char *name, *script, *output;
	int code;
} scripts[] = {
	{ "hello", "echo hi", "hi\n", 0 },
	{ "exit code", "exit 7", "", 7 },
	{ "errexit", "false\necho never", "", 1 },
	{ "no output", ":", "", 0 },
	{ "both streams in order", "for i in 1 2 3 4; do echo o$i; echo e$i >&2; done",
		"o1\ne1\no2\ne2\no3\ne3\no4\ne4\n", 0 },
	{ "last piece without newline", "printf abc", "abc", 0 },
	{ "stdin is empty", "cat; echo end", "end\n", 0 },
	{ "streams by name", "echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1",
		"a\nb\nc\n", 0 },
	{ "uid and gid", "id -u; id -g", "65534\n65534\n", 0 },
	{ "read-only root", "touch /x 2>/dev/null && echo open || echo closed", "closed\n", 0 },
	{ "tmp is writable and executable",
		"printf '#!/bin/sh\\necho ran\\n' > /tmp/x; chmod +x /tmp/x; /tmp/x", "ran\n", 0 },
	{ "workspace is writable", "echo data > /workspace/f; cat f; rm f", "data\n", 0 },
	{ "no capability, no new privileges, a filter",
		"while read -r k v; do case $k in CapEff:|CapBnd:|NoNewPrivs:|Seccomp:) echo "
		"$k$v;; "
		"esac; done < /proc/self/status",
		"CapEff:0000000000000000\nCapBnd:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n", 0 },
	{ "descriptors", "ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 ", 0 },
	{ "control folder holds no socket", "test -e /shithub/ctl/s && echo open || echo closed",
		"closed\n", 0 },
	{ "control folder is read-only",
		"touch /shithub/ctl/x 2>/dev/null && echo open || echo closed", "closed\n", 0 },
	{ "gate is closed to the step",
		"cat /proc/1/environ >/dev/null 2>&1 && echo open || echo closed; "
		"ls /proc/1/fd >/dev/null 2>&1 && echo open || echo closed; "
		"kill -9 1; echo alive",
		"closed\nclosed\nalive\n", 0 },
	{ "nofile and core", "ulimit -n; ulimit -c", "1024\n0\n", 0 },
	{ "orphans are reaped", "(sleep 0.01 &) ; sleep 0.1; ls -d /proc/[0-9]* | wc -l", NULL, 0 },
	{ "background job of the script", "sleep 0.05 & wait; echo done", "done\n", 0 },
	{ "process substitution is drained", "exec > >(sleep 0.2; cat); echo late", "late\n", 0 },
};

static void check_script(void **state)
{
	const struct script_case *c = *state;
	struct run r = { 0 };

	run_script(&r, c->script);
	if (r.result.infra.class)
		fail_msg("%s: %s", c->name, r.result.infra.text);
	if (c->output)
		assert_string_equal(buf_cstr(&r.out), c->output);
	assert_int_equal(r.result.end, STEP_EXITED);
	assert_int_equal(r.result.code, c->code);
	assert_false(r.result.output_cut);
	assert_false(r.result.oom);
	run_release(&r);
}

/* ---- inputs ---- */

static void test_big_script(void **state UNUSED)
{
	struct buf script = BUF_INIT(LIMIT_SCRIPT + 1);
	struct run r = { 0 };

	while (script.len + 64 < LIMIT_SCRIPT)
		buf_adds(&script, ": 0123456789012345678901234567890123456789012345678901234567\n");
	buf_adds(&script, "wc -c < \"$0\"\n");
	run_script(&r, script.data);
	assert_int_equal(r.result.code, 0);
	assert_int_equal(strtoul(buf_cstr(&r.out), NULL, 10), script.len);
	run_release(&r);
	buf_release(&script);
}

static void test_big_env(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv env = { 0 };
	struct run r = { 0 };

	for (int i = 0; i < 1000; i++)
		strv_addf(&env, "VAR_%d=value %d \n with a line and \xc3\xa4", i, i);
	run_start(&r, "echo \"$VAR_999\"; env -0 | tr -dc '\\0' | wc -c; echo ${PATH:+path}", &env,
		NULL);
	run_wait(&r);
	assert_int_equal(r.result.code, 0);
	assert_non_null(strstr(buf_cstr(&r.out), "value 999 \n with a line and \xc3\xa4\n"));
	assert_non_null(strstr(buf_cstr(&r.out), "path\n")); /* the image's own variables stay */
	run_release(&r);
}

static void launch_argv(struct run *r, const char *command, const char *cwd)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct err e = { 0 };
	struct step_launch l = { .argv = &argv,
		.script = "#!/nope/interpreter\n",
		.script_len = 20,
		.script_name = "step.sh",
		.working_dir = cwd,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = r };

	strv_split(&argv, command, ' ');
	r->box = step_box_prepare(w.job, "7");
	buf_init(&r->out, KIB(64));
	if (step_box_launch(r->box, &l, &e) < 0)
		fail_msg("launch: %s", e.text);
	run_wait(r);
}

static void test_bad_commands(void **state UNUSED)
{
	static const struct {
		const char *command, *cwd, *text;
		int code;
	} cases[] = {
		{ "no-such-command x", "/", "shithub-gate: no-such-command: No such file", 127 },
		{ "/no/such x", "/", "shithub-gate: /no/such: No such file", 127 },
		{ "/etc/passwd", "/", "shithub-gate: /etc/passwd: Permission denied", 126 },
		{ "bash -c :", "/workspace/nope",
			"shithub-gate: working directory /workspace/nope: No such file", 127 },
		{ "{0}", "/", "shithub-gate: interpreter of /", 127 },
		{ "no-such|nor-this x", "/", "shithub-gate: no-such|nor-this: No such file", 127 },
		{ "no-such|bash -c exit\t7", "/", "", 7 },
		{ "bash|no-such -c exit\t8", "/", "", 8 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r = { 0 };

		launch_argv(&r, cases[i].command, cases[i].cwd);
		if (!strstr(buf_cstr(&r.out), cases[i].text))
			fail_msg("%s: %s", cases[i].command, buf_cstr(&r.out));
		assert_int_equal(r.result.end, STEP_EXITED);
		assert_int_equal(r.result.code, cases[i].code);
		run_release(&r);
	}
}

static void test_refused_launches(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct step_box *b = step_box_prepare(w.job, "7");
	struct err e = { 0 };
	struct step_launch l = { .argv = &argv, .working_dir = "/" };

	assert_int_equal(step_box_launch(b, &l, &e), -1);
	assert_int_equal(e.class, ERR_INPUT);
	strv_add(&argv, "true");
	l.working_dir = "workspace";
	err_clear(&e);
	assert_int_equal(step_box_launch(b, &l, &e), -1);
	assert_non_null(strstr(e.text, "absolute"));
	step_box_free(b);
}

/* ---- table ---- */

static const struct box_case cases[] = {
	{ "script of 1 MiB", test_big_script },
	{ "1000 variables", test_big_env },
	{ "bad commands", test_bad_commands },
	{ "refused launches", test_refused_launches },
};

static int add_scripts(struct CMUnitTest *t, const char *transport, CMFixtureFunction setup)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		t[i] = (struct CMUnitTest){ xasprintf("%s: %s", transport, scripts[i].name),
			check_script, setup, job_close, (void *)&scripts[i] };
	return ARRAY_LEN(scripts);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[128];
	int n = 0;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	n += add_scripts(tests + n, "gate", open_gate);
	n += box_cases_add(tests + n, "gate", open_gate, NULL, cases, ARRAY_LEN(cases));
	n += add_scripts(tests + n, "attach", open_attach);
	n += box_cases_add(
		tests + n, "attach", open_attach, (void *)"attach", cases, ARRAY_LEN(cases));
	return _cmocka_run_group_tests(
		"box_scripts", tests, (size_t)n, box_world_open, box_world_close);
}
