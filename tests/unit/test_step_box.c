/*
 * Step boxes against a real engine, every case once per way (gate, attach) and, where it matters,
 * per isolation. Needs $SHITHUB_TEST_ENGINE (socket) and $SHITHUB_TEST_IMAGE (bash and coreutils);
 * without them it fails. $SHITHUB_TEST_NETWORK names a network of that engine (default: none); the
 * gate is taken from $SHITHUB_TEST_GATE or from beside the test programs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "engine/image.h"
#include "engine/step_box.h"

/* Enough of a profile for the engine to apply one: everything but what would name the host. */
static const char profile[] =
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
	"\"syscalls\":[{\"names\":[\"sethostname\",\"mount\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";

struct world {
	struct loop *loop;
	struct http *http;
	struct engine *engine;
	char root[PATH_MAX], gate[PATH_MAX];
	char *workspace, *control;
	struct runner_config config;
	struct box_job *job;
};

struct run {
	struct buf out;
	uint64_t bytes;
	bool done;
	struct step_result result;
	struct step_box *box;
	const char *poke; /* when the output first contains this, do the next */
	void (*on_poke)(struct run *r);
	bool poked;
	struct mono exit_at;
};

static struct world w;

/* --- world ----------------------------------------------------------------------------------- */

static const char *need(const char *name)
{
	const char *v = getenv(name);

	if (str_empty(v))
		fail_msg("%s is not set: these tests need a real engine", name);
	return v;
}

static void find_gate(void)
{
	const char *set = getenv("SHITHUB_TEST_GATE");
	char self[PATH_MAX / 2] = "";

	if (!set) {
		assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
		*strrchr(self, '/') = '\0';
		snprintf(w.gate, sizeof(w.gate), "%s/../shithub-gate", self);
	} else {
		snprintf(w.gate, sizeof(w.gate), "%s", set);
	}
	if (access(w.gate, X_OK) < 0)
		fail_msg("%s: no gate binary there", w.gate);
}

static void limits_default(void)
{
	const char *network = getenv("SHITHUB_TEST_NETWORK");

	w.config.engine.network = (char *)(network ? network : "none");
	w.config.engine.uid = w.config.engine.gid = 65534;
	w.config.engine.memory = MIB(256);
	w.config.engine.nano_cpus = 2000000000;
	w.config.engine.pids_limit = 256;
	w.config.engine.nofile_limit = 1024;
	w.config.engine.tmp_size = MIB(64);
	w.config.engine.isolation = ISOLATION_STEP;
}

static int world_open(void **state UNUSED)
{
	struct err e = { 0 };
	struct http_config hc = { .user_agent = "test" };

	need("SHITHUB_TEST_IMAGE");
	find_gate();
	snprintf(w.root, sizeof(w.root), "/tmp/boxXXXXXX");
	assert_non_null(mkdtemp(w.root)); /* 0700, as on a real host */
	w.workspace = path_join(w.root, "workspace");
	w.control = path_join(w.root, "control");
	assert_int_equal(mkdir(w.workspace, 0777), 0);
	assert_int_equal(chmod(w.workspace, 0777), 0);
	assert_int_equal(mkdir(w.control, 0711), 0);
	w.loop = loop_new(&e);
	w.http = http_new(w.loop, &hc, &e);
	w.engine = engine_open(w.loop, w.http, ENGINE_AUTO, need("SHITHUB_TEST_ENGINE"), &e);
	if (!w.engine)
		fail_msg("%s", e.text);
	return 0;
}

static int world_close(void **state UNUSED)
{
	CLEAN_FD int dir = open("/tmp", O_DIRECTORY | O_CLOEXEC);
	struct strv left = { 0 };
	struct err e = { 0 };

	assert_int_equal(engine_container_list(w.engine, BOX_LABEL_RUNNER, w.root, &left, &e), 0);
	assert_int_equal(left.n, 0); /* every case cleaned up behind itself */
	engine_free(w.engine);
	http_free(w.http);
	loop_free(w.loop);
	assert_int_equal(rmdir(w.control), 0); /* empty: no control folder stayed */
	assert_int_equal(tree_remove(dir, strrchr(w.root, '/') + 1, NULL, &e), 0);
	free(w.workspace);
	free(w.control);
	return 0;
}

static struct box_job_spec job_spec(void)
{
	return (struct box_job_spec){
		.loop = w.loop,
		.engine = w.engine,
		.config = &w.config,
		.instance_id = w.root,
		.job_id = "job-1",
		.image = need("SHITHUB_TEST_IMAGE"),
		.workspace = w.workspace,
		.control_dir = w.control,
		.gate_path = w.gate,
		.seccomp_json = profile,
	};
}

static int job_open(enum step_io io, enum isolation isolation)
{
	struct err e = { 0 };
	struct box_job_spec s = job_spec();

	limits_default();
	w.config.engine.step_io = io;
	w.config.engine.isolation = isolation;
	w.job = box_job_open(&s, &e);
	if (!w.job)
		fail_msg("%s", e.text);
	return 0;
}

static int open_gate(void **state UNUSED)
{
	return job_open(STEP_IO_GATE, ISOLATION_STEP);
}

static int open_gate_job(void **state UNUSED)
{
	return job_open(STEP_IO_GATE, ISOLATION_JOB);
}

static int open_attach(void **state UNUSED)
{
	return job_open(STEP_IO_ATTACH, ISOLATION_STEP);
}

static int job_close(void **state UNUSED)
{
	box_job_close(w.job);
	w.job = NULL;
	return 0;
}

/* --- one step -------------------------------------------------------------------------------- */

static void on_output(void *data, const char *p, size_t n)
{
	struct run *r = data;

	r->bytes += n;
	if (r->out.len + n <= r->out.max)
		buf_add(&r->out, p, n);
	if (r->poke && !r->poked && strstr(buf_cstr(&r->out), r->poke)) {
		r->poked = true;
		r->on_poke(r);
	}
}

static void on_exit_status(void *data, const struct step_result *result)
{
	struct run *r = data;

	r->result = *result;
	r->done = true;
	r->exit_at = mono_now();
}

static void run_start(struct run *r, const char *script, const struct strv *env, const char *cwd)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, plain = { 0 };
	struct err e = { 0 };
	struct step_launch l = { .argv = &argv,
		.script = script,
		.script_len = strlen(script),
		.env = env ? env : &plain,
		.working_dir = cwd ? cwd : BOX_WORKSPACE,
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = r };

	strv_split(&argv, "bash --noprofile --norc -e -o pipefail {0}", ' ');
	strv_add(&plain, "HOME=/tmp");
	if (!r->box)
		r->box = step_box_prepare(w.job, "7");
	buf_init(&r->out, KIB(64));
	/* attach: output, and what its callback does, may come before launch returns */
	if (step_box_launch(r->box, &l, &e) < 0 && !(r->poked && err_is(&e, ERR_CANCELLED)))
		fail_msg("launch: %s", e.text);
}

static void run_wait(struct run *r)
{
	struct err e = { 0 };

	if (loop_wait(w.loop, &r->done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e) < 0)
		fail_msg("the step did not end: %s; output so far: %s", e.text, buf_cstr(&r->out));
}

static void run_release(struct run *r)
{
	step_box_free(r->box);
	buf_release(&r->out);
}

static void run_script(struct run *r, const char *script)
{
	run_start(r, script, NULL, NULL);
	run_wait(r);
}

/* --- scripts: the same for both ways ---------------------------------------------------------- */

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

/* --- inputs ----------------------------------------------------------------------------------- */

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

/* --- signals, ends ---------------------------------------------------------------------------- */

static void poke_term(struct run *r)
{
	step_box_signal(r->box, SIGTERM);
}

static void poke_kill(struct run *r)
{
	step_box_kill(r->box);
}

static void poke_free(struct run *r)
{
	step_box_free(r->box);
	r->box = NULL;
}

static void test_own_signal(void **state)
{
	struct run r = { 0 };

	run_script(&r, "kill -KILL $$");
	if (*state) { /* attach: as a shell says it */
		assert_int_equal(r.result.end, STEP_EXITED);
		assert_int_equal(r.result.code, 128 + SIGKILL);
	} else {
		assert_int_equal(r.result.end, STEP_SIGNALED);
		assert_int_equal(r.result.code, SIGKILL);
	}
	assert_false(r.result.oom);
	run_release(&r);
}

static void test_sigterm_reaches_all(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_term };

	run_script(&r, "trap 'echo parent; exit 3' TERM\n"
		       "bash -c 'trap \"echo child; exit 0\" TERM; sleep 60 & wait' &\n"
		       "sleep 0.1; echo go; wait; wait; sleep 60");
	assert_true(r.poked);
	assert_non_null(strstr(buf_cstr(&r.out), "parent\n"));
	assert_non_null(strstr(buf_cstr(&r.out), "child\n"));
	assert_int_equal(r.result.code, 3);
	run_release(&r);
}

static void test_sigterm_default(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_term };

	run_script(&r, "echo go; sleep 60");
	assert_true(r.result.end == STEP_SIGNALED ? r.result.code == SIGTERM
						  : r.result.code == 128 + SIGTERM);
	run_release(&r);
}

static void ignored_then_kill(struct run *r)
{
	step_box_signal(r->box, SIGTERM);
	step_box_kill(r->box);
}

static void test_kill(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = ignored_then_kill };

	run_script(&r, "trap '' TERM; bash -c 'trap \"\" TERM; sleep 60' & echo go; "
		       "while :; do sleep 1; done");
	assert_int_equal(r.result.end, STEP_GONE);
	assert_int_equal(r.result.infra.class, ERR_NONE);
	run_release(&r);
}

static void test_kill_while_writing(void **state UNUSED)
{
	struct run r = { .poke = "y\n", .on_poke = poke_kill };

	run_script(&r, "yes");
	assert_int_equal(r.result.end, STEP_GONE);
	run_release(&r);
}

static void test_kill_before_launch(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct step_box *b = step_box_prepare(w.job, "7");
	struct err e = { 0 };
	struct step_launch l = {
		.argv = &argv, .working_dir = "/", .on_output = on_output, .on_exit = on_exit_status
	};

	strv_add(&argv, "true");
	step_box_kill(b);
	assert_int_equal(step_box_launch(b, &l, &e), -1);
	assert_int_equal(e.class, ERR_CANCELLED);
	step_box_free(b);
}

static void test_free_in_callback(void **state UNUSED)
{
	struct run r = { .poke = "go\n", .on_poke = poke_free };
	bool never = false;
	struct err e = { 0 };

	run_start(&r, "echo go; for i in 1 2 3 4 5 6; do echo more; sleep 0.01; done", NULL, NULL);
	while (!r.poked)
		assert_int_equal(loop_wait(w.loop, &never, mono_add(mono_now(), 1000), &e), -1);
	uint64_t bytes = r.bytes;
	assert_int_equal(
		loop_wait(w.loop, &never, mono_add(mono_now(), 200 * USEC_PER_MSEC), &e), -1);
	assert_int_equal(r.bytes, bytes);
	assert_false(r.done);
	buf_release(&r.out);
}

static void test_oom(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "head -c 600m /dev/zero | tail -c 500m > /dev/null; echo not reached");
	assert_null(strstr(buf_cstr(&r.out), "not reached"));
	assert_true(r.result.oom);
	run_release(&r);
}

static void test_fork_bomb(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "f() { for i in $(seq 400); do sleep 30 & done; }; f 2>&1 | head -3; "
		       "echo survived; kill -KILL -1");
	assert_non_null(strstr(buf_cstr(&r.out), "Resource temporarily unavailable"));
	run_release(&r);
}

static void test_leftover(void **state)
{
	struct run r = { 0 };
	struct mono begin = mono_now();

	run_script(&r, "sleep 50 & echo started");
	assert_string_equal(buf_cstr(&r.out), "started\n");
	assert_int_equal(r.result.end, STEP_EXITED);
	assert_int_equal(r.result.code, 0);
	if (!*state) /* the attach way ends with its process 1, nothing is held open */
		assert_true(r.result.output_cut);
	assert_true(mono_diff(mono_now(), begin) < 10 * USEC_PER_SEC);
	run_release(&r);
}

/* --- volume ----------------------------------------------------------------------------------- */

static void test_throughput(void **state)
{
	struct run r = { 0 };
	uint64_t want = *state ? MIB(32) : MIB(256);
	char script[64];

	snprintf(script, sizeof(script), "head -c %llu /dev/zero", (unsigned long long)want);
	r.box = step_box_prepare(w.job, "7");
	run_start(&r, ":; exec head -c 1 /dev/zero", NULL, NULL); /* the box is up by now */
	run_wait(&r);
	run_release(&r);
	r = (struct run){ .box = step_box_prepare(w.job, "8") };
	struct mono begin = mono_now();
	run_start(&r, script, NULL, NULL);
	run_wait(&r);
	assert_true(r.bytes == want);
	assert_int_equal(r.result.code, 0);
	print_message("%.0f MB/s over %llu MiB\n",
		(double)want / (double)mono_diff(r.exit_at, begin), (unsigned long long)want >> 20);
	run_release(&r);
}

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void test_many_boxes(void **state UNUSED)
{
	enum { BOXES = 50 };
	int64_t step_us[BOXES];
	const size_t median = BOXES / 2, slow = BOXES * 9 / 10;
	struct step_box *ahead = step_box_prepare(w.job, "0");
	int before = 0;

	for (int i = 0; i < BOXES; i++) {
		struct run r = { .box = ahead };

		run_script(&r,
			"echo hi"); /* the first waits for its box, the next is made meanwhile */
		run_release(&r);
		ahead = step_box_prepare(w.job, "next");
		/* a second step in a box that certainly is ready: what a step costs beyond its box
		 */
		struct run wait = { .box = step_box_prepare(w.job, "idle") };
		run_script(&wait, "sleep 0.3");
		run_release(&wait);
		struct mono begin = mono_now();
		struct run timed = { .box = ahead };
		run_start(&timed, "echo hi", NULL, NULL);
		run_wait(&timed);
		step_us[i] = mono_diff(timed.exit_at, begin);
		assert_string_equal(buf_cstr(&timed.out), "hi\n");
		run_release(&timed);
		ahead = step_box_prepare(w.job, "next");
		if (i == 4)
			before = descriptors();
		if (i > 4 && i % 15 == 0)
			assert_in_range(descriptors(), 0, before + 8);
	}
	step_box_free(ahead);
	qsort(step_us, BOXES, sizeof(step_us[0]), compare);
	print_message("echo hi in a prepared box: median %.2f ms, p90 %.2f ms\n",
		(double)step_us[median] / 1000, (double)step_us[slow] / 1000);
}

/* --- isolation "job" -------------------------------------------------------------------------- */

static void again(struct run *r, const char *script)
{
	struct step_box *box = r->box;

	buf_release(&r->out);
	*r = (struct run){ .box = box };
	run_script(r, script);
}

static void test_job_isolation(void **state UNUSED)
{
	struct run r = { 0 };

	run_script(&r, "echo kept > /tmp/f; (while :; do echo tick; sleep 0.01; done) & echo $! > "
		       "/tmp/pid");
	assert_int_equal(r.result.code, 0);
	assert_true(r.result.output_cut);
	again(&r, "cat /tmp/f; kill -0 $(cat /tmp/pid) && echo service lives; exit 4");
	assert_string_equal(buf_cstr(&r.out), "kept\nservice lives\n");
	assert_int_equal(r.result.code, 4);
	again(&r, "ls /tmp/_shithub | wc -l; kill $(cat /tmp/pid)");
	assert_string_equal(buf_cstr(&r.out), "1\n"); /* scripts of earlier steps are gone */
	again(&r, "kill -KILL $$");
	assert_int_equal(r.result.end, STEP_SIGNALED);
	again(&r, "rm -r /tmp/_shithub; ln -s /workspace /tmp/_shithub");
	again(&r, "echo x");
	assert_int_equal(r.result.code, 0); /* its own uid, its own /tmp: no wall to break */
	run_release(&r);
}

/* --- failures --------------------------------------------------------------------------------- */

static void expect_launch_error(const struct box_job_spec *s, const char *text)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct err e = { 0 };
	struct step_launch l = {
		.argv = &argv, .working_dir = "/", .on_output = on_output, .on_exit = on_exit_status
	};
	struct box_job *j = box_job_open(s, &e);

	assert_non_null(j);
	strv_add(&argv, "true");
	assert_int_equal(step_box_launch(step_box_prepare(j, "7"), &l, &e), -1);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
	box_job_close(j);
}

static void test_bad_jobs(void **state)
{
	struct box_job_spec s = job_spec();

	s.image = "shithub-no-such-image:9";
	expect_launch_error(&s, "o such image");
	s = job_spec();
	s.workspace = "/no/such/workspace";
	expect_launch_error(&s, "/no/such/workspace");
	s = job_spec();
	s.gate_path = "/etc/hostname"; /* there, but no program */
	if (!*state)                   /* attach: the step itself fails with the runtime's words */
		expect_launch_error(&s, "container");
	s = job_spec();
	w.config.engine.network = (char *)"shithub-no-such-network";
	expect_launch_error(&s, "shithub-no-such-network");
	limits_default();
}

static void poke_nothing(struct run *r UNUSED)
{
}

static void test_removed_from_outside(void **state)
{
	struct run r = { .poke = "go\n", .on_poke = poke_nothing };
	CLEANUP(strv_release) struct strv ids = { 0 };
	struct err e = { 0 };
	bool never = false;

	run_start(&r, "echo go; sleep 60", NULL, NULL);
	while (!r.poked)
		assert_int_equal(loop_wait(w.loop, &never, mono_add(mono_now(), 1000), &e), -1);
	err_clear(&e);
	assert_int_equal(engine_container_list(w.engine, BOX_LABEL_RUNNER, w.root, &ids, &e), 0);
	assert_in_range(ids.n, 1, 2); /* the box, and a holder when there is a network */
	strv_each (id, &ids)
		assert_int_equal(engine_container_remove(w.engine, id, &e), 0);
	run_wait(&r);
	if (*state && r.result.end == STEP_EXITED) { /* attach: asked before it was removed */
		assert_int_equal(r.result.code, 128 + SIGKILL);
	} else {
		assert_int_equal(r.result.end, STEP_GONE);
		assert_int_not_equal(r.result.infra.class, ERR_NONE);
	}
	run_release(&r);
}

static void test_probe(void **state UNUSED)
{
	struct box_job_spec s = job_spec();
	struct err e = { 0 };
	enum step_io io = STEP_IO_AUTO;

	limits_default();
	w.config.engine.step_io = STEP_IO_AUTO;
	if (step_io_probe(&s, &io, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(io, STEP_IO_GATE);
	s.image = "shithub-no-such-image:9";
	assert_int_equal(step_io_probe(&s, &io, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void test_engine_answers(void **state UNUSED)
{
	CLEANUP(image_release) struct image image = { 0 };
	struct err e = { 0 };
	struct container_state st;

	assert_int_equal(engine_image_inspect(w.engine, need("SHITHUB_TEST_IMAGE"), &image, &e), 0);
	assert_true(str_starts(image.id, "sha256:"));
	assert_string_equal(image_digest(&image), image.id); /* it came from no registry */
	assert_true(image.size > 0);
	image_release(&image);
	assert_int_equal(engine_image_inspect(w.engine, "a/b:c?d e", &image, &e), -1);
	err_clear(&e);
	assert_int_equal(engine_network_check(w.engine, "none", &e), 0);
	assert_int_equal(engine_network_check(w.engine, "shithub-no-such-network", &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	err_clear(&e);
	assert_int_equal(engine_container_inspect(w.engine, "shithub-nope", &st, &e), 0);
	assert_false(st.exists);
	assert_int_equal(engine_container_kill(w.engine, "shithub-nope", &e), 0);
	assert_int_equal(engine_container_remove(w.engine, "shithub-nope", &e), 0);
	assert_null(engine_open(w.loop, w.http, ENGINE_AUTO, "/no/such.sock", &e));
	assert_non_null(strstr(e.text, "/no/such.sock"));
}

/* --- table ------------------------------------------------------------------------------------ */

static int add_scripts(struct CMUnitTest *t, const char *way, CMFixtureFunction open_way)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		t[i] = (struct CMUnitTest){ xasprintf("%s: %s", way, scripts[i].name), check_script,
			open_way, job_close, (void *)&scripts[i] };
	return ARRAY_LEN(scripts);
}

static int add_cases(struct CMUnitTest *t, const char *way, CMFixtureFunction open_way, void *state)
{
	static const struct {
		const char *name;
		CMUnitTestFunction fn;
	} cases[] = {
		{ "script of 1 MiB", test_big_script },
		{ "1000 variables", test_big_env },
		{ "bad commands", test_bad_commands },
		{ "refused launches", test_refused_launches },
		{ "death by own signal", test_own_signal },
		{ "SIGTERM reaches all", test_sigterm_reaches_all },
		{ "SIGTERM by default", test_sigterm_default },
		{ "SIGTERM ignored, then kill", test_kill },
		{ "kill while writing", test_kill_while_writing },
		{ "kill before launch", test_kill_before_launch },
		{ "free inside a callback", test_free_in_callback },
		{ "out of memory", test_oom },
		{ "fork bomb", test_fork_bomb },
		{ "left-over process", test_leftover },
		{ "throughput", test_throughput },
		{ "bad jobs", test_bad_jobs },
		{ "removed from outside", test_removed_from_outside },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		t[i] = (struct CMUnitTest){ xasprintf("%s: %s", way, cases[i].name), cases[i].fn,
			open_way, job_close, state };
	return ARRAY_LEN(cases);
}

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[128];
	int n = 0;

	cmocka_set_test_filter(argc > 1 ? argv[1] : NULL);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_engine_answers);
	n += add_scripts(tests + n, "gate", open_gate);
	n += add_cases(tests + n, "gate", open_gate, NULL);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
		test_job_isolation, open_gate_job, job_close);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
		test_many_boxes, open_gate, job_close);
	n += add_scripts(tests + n, "attach", open_attach);
	n += add_cases(tests + n, "attach", open_attach, (void *)"attach");
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_probe);
	return _cmocka_run_group_tests("step_box", tests, (size_t)n, world_open, world_close);
}
