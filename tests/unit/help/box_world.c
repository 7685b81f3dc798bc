/*
 * The engine, the workspace and the control folder live as long as the test program; a job and its
 * boxes as long as a case. What a case leaves in the engine fails the group.
 */
#include "tests/unit/help/box_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"

struct box_world w;

/* Enough of a profile for the engine to apply one: everything but what would name the host. */
static const char profile[] =
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
	"\"syscalls\":[{\"names\":[\"sethostname\",\"mount\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";

/* ---- world ---- */

const char *box_world_need(const char *name)
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
		snprintf(w.gate, sizeof(w.gate), "%s/../../shithub-gate", self);
	} else {
		snprintf(w.gate, sizeof(w.gate), "%s", set);
	}
	if (access(w.gate, X_OK) < 0)
		fail_msg("%s: no gate binary there", w.gate);
}

void box_world_limits(void)
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

int box_world_open(void **state UNUSED)
{
	struct err e = { 0 };
	struct http_config hc = { .user_agent = "test" };

	box_world_need("SHITHUB_TEST_IMAGE");
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
	w.engine =
		engine_open(w.loop, w.http, ENGINE_AUTO, box_world_need("SHITHUB_TEST_ENGINE"), &e);
	if (!w.engine)
		fail_msg("%s", e.text);
	return 0;
}

int box_world_close(void **state UNUSED)
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

struct box_job_spec box_world_job_spec(void)
{
	return (struct box_job_spec){
		.loop = w.loop,
		.engine = w.engine,
		.config = &w.config,
		.instance_id = w.root,
		.job_id = "job-1",
		.image = box_world_need("SHITHUB_TEST_IMAGE"),
		.workspace = w.workspace,
		.control_dir = w.control,
		.gate_path = w.gate,
		.seccomp_json = profile,
	};
}

static int job_open(enum step_io io, enum isolation isolation)
{
	struct err e = { 0 };
	struct box_job_spec s = box_world_job_spec();

	box_world_limits();
	w.config.engine.step_io = io;
	w.config.engine.isolation = isolation;
	w.job = box_job_open(&s, &e);
	if (!w.job)
		fail_msg("%s", e.text);
	return 0;
}

int open_gate(void **state UNUSED)
{
	return job_open(STEP_IO_GATE, ISOLATION_STEP);
}

int open_gate_job(void **state UNUSED)
{
	return job_open(STEP_IO_GATE, ISOLATION_JOB);
}

int open_attach(void **state UNUSED)
{
	return job_open(STEP_IO_ATTACH, ISOLATION_STEP);
}

int job_close(void **state UNUSED)
{
	box_job_close(w.job);
	w.job = NULL;
	return 0;
}

/* ---- one step ---- */

void on_output(void *data, const char *p, size_t n)
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

void on_exit_status(void *data, const struct step_result *result)
{
	struct run *r = data;

	r->result = *result;
	r->done = true;
	r->exit_at = mono_now();
}

void run_start(struct run *r, const char *script, const struct strv *env, const char *cwd)
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

void run_wait(struct run *r)
{
	struct err e = { 0 };

	if (loop_wait(w.loop, &r->done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e) < 0)
		fail_msg("the step did not end: %s; output so far: %s", e.text, buf_cstr(&r->out));
}

void run_release(struct run *r)
{
	step_box_free(r->box);
	buf_release(&r->out);
}

void run_script(struct run *r, const char *script)
{
	run_start(r, script, NULL, NULL);
	run_wait(r);
}

/* ---- tables ---- */

int box_cases_add(struct CMUnitTest *t, const char *transport, CMFixtureFunction setup, void *state,
	const struct box_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t[i] = (struct CMUnitTest){ xasprintf("%s: %s", transport, cases[i].name),
			cases[i].fn, setup, job_close, state };
	return (int)n;
}
