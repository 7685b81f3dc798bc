/*
 * The probe runs through engine/step_box.h, so a difference between this container and a step's
 * would be a bug in one place. Containers of an earlier check that was killed are swept first, by
 * their label.
 */
#include "network/check_box.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

#define RUN_US (60 * USEC_PER_SEC)

struct check_box {
	struct loop *loop;
	struct runner_config config; /* borrowed content, step_io decided */
	struct slice program;
	struct box_job *job;
	struct step_box *box;
	struct buf output;
	struct step_result result;
	bool line, done; /* for loop_wait */
	char *dir, *name;
};

static void on_output(void *data, const char *p, size_t n)
{
	struct check_box *b = data;

	buf_add(&b->output, p, n);
	b->line = b->line || memchr(p, '\n', n);
}

static void on_exit_status(void *data, const struct step_result *r)
{
	struct check_box *b = data;

	b->result = *r;
	b->line = b->done = true;
}

/* mkdir's mode passes through the umask; the step's user must get through to its socket. */
static char *make_folder(const char *dir, const char *name, mode_t mode, struct err *e)
{
	CLEAN_STR char *path = path_join(dir, name);

	if (dir_ensure(path, mode, e) < 0)
		return NULL;
	if (chmod(path, mode) == 0)
		return TAKE(path);
	err_set_errno(e, errno, "%s", path);
	return NULL;
}

static int open_job(struct check_box *b, const struct check_box_spec *s, struct err *e)
{
	CLEAN_STR char *own = make_folder(s->dir, b->name, 0711, e);
	CLEAN_STR char *control = own ? make_folder(own, "ctl", 0711, e) : NULL;
	CLEAN_STR char *workspace = control ? make_folder(own, "workspace", 0755, e) : NULL;
	CLEAN_STR char *label = xasprintf("check-%s", b->name);
	struct box_job_spec spec = { .loop = s->loop,
		.engine = s->engine,
		.config = &b->config,
		.instance_id = s->instance,
		.job_id = label,
		.image = s->image,
		.workspace = workspace,
		.control_dir = control,
		.gate_path = s->gate_path,
		.seccomp_json = s->seccomp_json };

	if (!workspace)
		return -1;
	if (b->config.engine.step_io == STEP_IO_AUTO &&
		step_io_probe(&spec, &b->config.engine.step_io, e) < 0)
		return -1;
	b->job = box_job_open(&spec, e);
	if (!b->job)
		return -1;
	b->box = step_box_prepare(b->job, "probe");
	return 0;
}

char *check_box_label(const char *kind, const char *state_dir)
{
	unsigned char hash[SHA256_LEN];
	char hex[17];

	sha256(state_dir, strlen(state_dir), hash);
	hex_encode(hash, 8, hex);
	return xasprintf("%s-%s", kind, hex);
}

int check_box_sweep(struct engine *g, const char *label, struct err *e)
{
	CLEANUP(strv_release) struct strv ids = { 0 };

	if (engine_container_list(g, BOX_LABEL_RUNNER, label, &ids, e) < 0)
		return -1;
	strv_each (id, &ids)
		if (engine_container_remove(g, id, e) < 0)
			return -1;
	return 0;
}

struct check_box *check_box_open(const struct check_box_spec *s, const char *name, struct err *e)
{
	struct check_box *b = xcalloc(1, sizeof(*b));

	*b = (struct check_box){ .loop = s->loop,
		.config = *s->config,
		.program = s->program,
		.output = BUF_INIT(KIB(64)),
		.dir = xstrdup(s->dir),
		.name = xstrdup(name) };
	b->config.engine.isolation = ISOLATION_STEP;
	if (open_job(b, s, e) == 0)
		return b;
	check_box_close(b);
	return NULL;
}

enum step_io check_box_way(const struct check_box *b)
{
	return b->config.engine.step_io;
}

void check_box_close(struct check_box *b)
{
	struct err e = { 0 };

	if (!b)
		return;
	step_box_free(b->box);
	box_job_close(b->job);
	CLEAN_FD int dir = dir_open(b->dir, &e);
	if (dir >= 0 && tree_remove(dir, b->name, NULL, &e) < 0)
		log_warn("network", "check_folder_left", F_STR("path", b->dir), F_ERR(&e));
	buf_release(&b->output);
	free(b->dir);
	free(b->name);
	free(b);
}

static int launch(struct check_box *b, const struct strv *argv, const bool *flag, struct err *e)
{
	struct step_launch l = { .argv = argv,
		.script = b->program.ptr,
		.script_len = b->program.len,
		.script_name = "shithub-probe",
		.working_dir = "/",
		.on_output = on_output,
		.on_exit = on_exit_status,
		.data = b };

	if (step_box_launch(b->box, &l, e) < 0 ||
		loop_wait(b->loop, flag, mono_add(mono_now(), RUN_US), e) < 0)
		return err_wrap(e, "container of the check");
	return 0;
}

/* Why the program ended as it did not mean to. */
static int check_end(const struct check_box *b, struct err *e)
{
	if (!b->done || (b->result.end == STEP_EXITED && b->result.code == 0))
		return 0;
	if (b->result.infra.class != ERR_NONE)
		return err_set(e, b->result.infra.class, "container of the check: %s",
			b->result.infra.text);
	return err_set(e, ERR_ENGINE, "container of the check: the probe ended with %d: %s",
		b->result.code, buf_cstr(&b->output));
}

int check_box_run(struct check_box *b, const struct strv *probes, struct buf *out, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };

	strv_add(&argv, "{0}");
	strv_each (probe, probes)
		strv_add(&argv, probe);
	if (launch(b, &argv, &b->done, e) < 0 || check_end(b, e) < 0)
		return -1;
	buf_add(out, buf_cstr(&b->output), b->output.len);
	return 0;
}

int check_box_serve(struct check_box *b, const char *probe, struct buf *out, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };

	strv_add(&argv, "{0}");
	strv_add(&argv, probe);
	if (launch(b, &argv, &b->line, e) < 0)
		return -1;
	if (b->done)
		return err_set(e, ERR_ENGINE, "neighbour container: the probe ended: %s",
			buf_cstr(&b->output));
	buf_add(out, buf_cstr(&b->output), b->output.len);
	return 0;
}
