/* What the boxes of one job share: names, plan, seccomp file, network holder, clean-up. */
#include "engine/step_box_private.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/dialect.h"

/* The holder only waits; it needs next to nothing. */
enum { HOLDER_PIDS = 8, HOLDER_NOFILE = 64, NANO = 1000000000, NPROC_MOST = 1 << 20 };
#define HOLDER_MEMORY MIB(16)
#define HOLDER_TMP KIB(64)

/* --- plans ----------------------------------------------------------------------------------- */

/* Engines take [a-zA-Z0-9_.-] in names; ids are cut, the serial keeps names apart. */
static void name_part(struct buf *out, const char *text)
{
	for (size_t i = 0; i < 32 && text[i]; i++)
		buf_addc(out, isalnum((unsigned char)text[i]) || text[i] == '-' ? text[i] : '_');
}

static char *container_name(struct box_job *j, const char *part)
{
	struct buf name = BUF_INIT(256);

	buf_adds(&name, "shithub-");
	name_part(&name, j->job_id);
	buf_addc(&name, '-');
	name_part(&name, part);
	buf_addf(&name, "-%s-%u", j->nonce, ++j->serial);
	return buf_take(&name);
}

/* Docker answers 400 to more CPUs than the host has. */
static int64_t cpu_limit(int64_t wanted)
{
	int64_t host = sysconf(_SC_NPROCESSORS_ONLN) * (int64_t)NANO;

	return wanted <= 0 || (host > 0 && wanted > host) ? host : wanted;
}

static const char *job_network(const struct box_job *j)
{
	return engine_network(j->engine, j->config->engine.network);
}

/* As high as may be given without a privilege: it counts per user over all containers, so it must
 * never be what stops a step. Podman's service has lowered its own to the number of pids. */
static int64_t nproc_limit(void)
{
	CLEAN_BUF struct buf text = BUF_INIT(64);
	struct err ignored = { 0 };
	struct rlimit own;
	int64_t most = NPROC_MOST;

	if (file_read("/proc/sys/kernel/pid_max", &text, &ignored) == 0) {
		CLEAN_STR char *digits =
			xmemdup0(buf_cstr(&text), strspn(buf_cstr(&text), "0123456789"));

		if (!parse_i64(digits, 1, NPROC_MOST, &most))
			most = NPROC_MOST;
	}
	if (getrlimit(RLIMIT_NPROC, &own) < 0 || own.rlim_max > (rlim_t)most)
		return most;
	return (int64_t)own.rlim_max;
}

static void plan_common(struct box_job *j, const char *part, struct box_plan *p)
{
	*p = (struct box_plan){ .name = container_name(j, part) };
	p->spec = (struct container_spec){
		.image = j->image,
		.uid = j->config->engine.uid,
		.gid = j->config->engine.gid,
		.nproc_limit = nproc_limit(),
		.seccomp_json = j->seccomp_json,
		.seccomp_path = j->seccomp_path,
	};
	pairs_set(&p->labels, BOX_LABEL_RUNNER, j->instance_id);
	pairs_set(&p->labels, BOX_LABEL_JOB, j->job_id);
	box_plan_mount(p, j->gate_path, GATE_BINARY, true);
}

void box_job_plan(struct box_job *j, const char *step_id, struct box_plan *ret)
{
	plan_common(j, step_id, ret);
	pairs_set(&ret->labels, BOX_LABEL_STEP, step_id);
	box_plan_mount(ret, j->workspace, BOX_WORKSPACE, false);
	if (j->files_dir)
		box_plan_mount(ret, j->files_dir, BOX_FILES, false);
	ret->working_dir = xstrdup(BOX_WORKSPACE);
	ret->network = xstrdup(j->network);
	ret->spec.memory = j->config->engine.memory;
	ret->spec.nano_cpus = cpu_limit(j->config->engine.nano_cpus);
	ret->spec.pids_limit = j->config->engine.pids_limit;
	ret->spec.nofile_limit = j->config->engine.nofile_limit;
	ret->spec.tmp_size = j->config->engine.tmp_size;
}

static void holder_plan(struct box_job *j, struct box_plan *p)
{
	plan_common(j, "net", p);
	strv_add(&p->argv, GATE_BINARY);
	strv_add(&p->argv, GATE_MODE_HOLD);
	p->working_dir = xstrdup("/");
	p->network = xstrdup(job_network(j));
	p->spec.dns = &j->config->engine.dns_servers;
	p->spec.memory = HOLDER_MEMORY;
	p->spec.nano_cpus = cpu_limit(NANO / 10);
	p->spec.pids_limit = HOLDER_PIDS;
	p->spec.nofile_limit = HOLDER_NOFILE;
	p->spec.tmp_size = HOLDER_TMP;
}

/* --- holder ---------------------------------------------------------------------------------- */

static void boxes_begin(struct box_job *j)
{
	for (struct step_box *b = j->boxes; b; b = b->next)
		box_begin(b);
}

static void on_holder_up(void *data)
{
	struct box_job *j = data;

	j->network = xasprintf("container:%s", box_container_id(j->holder));
	j->holder_up = true;
	boxes_begin(j);
}

static void on_holder_failed(void *data, const struct err *e)
{
	struct box_job *j = data;

	j->holder_failed = true;
	j->holder_error = *e;
	err_wrap(&j->holder_error, "network %s", job_network(j));
	boxes_begin(j);
}

static int holder_begin(struct box_job *j, struct err *e)
{
	static const struct box_container_events events = {
		.up = on_holder_up,
		.failed = on_holder_failed,
	};
	struct box_plan plan;

	if (str_eq(job_network(j), "none")) {
		/* an empty namespace of its own costs a box no more than joining one */
		j->network = xstrdup("none");
		j->holder_up = true;
		return 0;
	}
	holder_plan(j, &plan);
	j->holder = box_container_new(&j->containers, &plan, NULL, e);
	if (!j->holder)
		return -1;
	box_container_begin(j->holder, &events, j);
	return 0;
}

/* --- open, close ----------------------------------------------------------------------------- */

static void bury_all(struct box_job *j)
{
	while (j->dead) {
		struct step_box *b = j->dead;

		j->dead = b->next;
		free(b->step_id);
		free(b->impl);
		free(b);
	}
}

static void on_bury(struct loop_source *s UNUSED, void *data)
{
	struct box_job *j = data;

	loop_source_unref(&j->bury);
	bury_all(j);
}

void box_job_bury(struct box_job *j, struct step_box *b)
{
	b->next = j->dead;
	j->dead = b;
	if (!j->bury)
		j->bury = loop_defer(j->loop, on_bury, j);
}

static int write_profile(struct box_job *j, struct err *e)
{
	if (engine_dialect(j->engine)->seccomp_inline)
		return 0;
	j->seccomp_path = path_join(j->control_dir, "seccomp.json");
	return file_replace(j->seccomp_path, j->seccomp_json, strlen(j->seccomp_json), 0644, e);
}

static void job_free(struct box_job *j)
{
	bury_all(j);
	loop_source_free(j->bury);
	if (j->seccomp_path)
		unlink(j->seccomp_path);
	free(j->instance_id);
	free(j->job_id);
	free(j->image);
	free(j->workspace);
	free(j->files_dir);
	free(j->control_dir);
	free(j->gate_path);
	free(j->seccomp_json);
	free(j->seccomp_path);
	free(j->network);
	free(j->read_buf);
	free(j);
}

struct box_job *box_job_open(const struct box_job_spec *spec, struct err *e)
{
	struct box_job *j = xcalloc(1, sizeof(*j));
	unsigned char raw[4];

	if (spec->config->engine.step_io == STEP_IO_AUTO)
		BUG("box_job_open with step_io auto");
	random_bytes(raw, sizeof(raw));
	hex_encode(raw, sizeof(raw), j->nonce);
	j->loop = spec->loop;
	j->engine = spec->engine;
	j->config = spec->config;
	j->instance_id = xstrdup(spec->instance_id);
	j->job_id = xstrdup(spec->job_id);
	j->image = xstrdup(spec->image);
	j->workspace = xstrdup(spec->workspace);
	j->files_dir = xstrdup(spec->files_dir);
	j->control_dir = xstrdup(spec->control_dir);
	j->gate_path = xstrdup(spec->gate_path);
	j->seccomp_json = xstrdup(spec->seccomp_json);
	j->ready_us = BOX_READY_US;
	j->containers =
		(struct box_list){ .loop = spec->loop, .engine = spec->engine, .empty = true };
	j->read_buf = xmalloc(BOX_READ_MAX);
	if (write_profile(j, e) < 0 || holder_begin(j, e) < 0) {
		err_wrap(e, "step boxes");
		job_free(j);
		return NULL;
	}
	return j;
}

void box_job_close(struct box_job *j)
{
	struct err e = { 0 };

	if (!j)
		return;
	while (j->boxes)
		step_box_free(j->boxes);
	if (engine_dialect(j->engine)->holder_last)
		box_container_discard_last(TAKE(j->holder));
	else
		box_container_discard(TAKE(j->holder));
	if (loop_wait(j->loop, &j->containers.empty, mono_add(mono_now(), BOX_CLOSE_US), &e) < 0)
		log_warn("box", "clean_up_incomplete", F_ERR(&e));
	box_list_abandon(&j->containers);
	job_free(j);
}
