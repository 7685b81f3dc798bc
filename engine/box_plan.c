/*
 * The plans of a job's containers: what a step's box and the network holder may see and use. The
 * limits come from the configuration; where an engine refuses a value that this host cannot give
 * (more CPUs, more processes), the plan asks for what the host has.
 */
#include "engine/step_box_private.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/fs.h"
#include "base/limits.h"
#include "engine/dialect.h"

const struct box_own_folder box_own_folders[] = {
	{ "home", BOX_HOME },
	{ "temp", BOX_TEMP },
	{ "tool_cache", BOX_TOOL_CACHE },
};

/* The holder only waits; it needs next to nothing. */
enum { HOLDER_PIDS = 8, HOLDER_NOFILE = 64, NANO = 1000000000, NPROC_MAX = 1 << 20 };
#define HOLDER_MEMORY MIB(16)
#define HOLDER_TMP KIB(64)

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

const char *box_job_network(const struct box_job *j)
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
	int64_t most = NPROC_MAX;

	if (file_read("/proc/sys/kernel/pid_max", &text, &ignored) == 0) {
		CLEAN_STR char *digits =
			xmemdup0(buf_cstr(&text), strspn(buf_cstr(&text), "0123456789"));

		if (!parse_i64(digits, 1, NPROC_MAX, &most))
			most = NPROC_MAX;
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
		.volumes = &j->volumes,
	};
	pairs_set(&p->labels, BOX_LABEL_RUNNER, j->instance_id);
	pairs_set(&p->labels, BOX_LABEL_JOB, j->job_id);
	box_plan_mount(p, j->gate_path, GATE_BINARY, true);
}

static void mount_own(const struct step_box *b, struct box_plan *p)
{
	const struct box_job *j = b->job;
	const char *home = b->beside ? NULL : j->home;

	if (!j->own_dir)
		return;
	for (size_t i = 0; i < ARRAY_LEN(box_own_folders); i++) {
		const struct box_own_folder *own = &box_own_folders[i];
		CLEAN_STR char *source = path_join(j->own_dir, own->name);

		box_plan_mount(p, source,
			home && str_eq(own->target, BOX_HOME) ? home : own->target, false);
	}
}

void box_job_plan(const struct step_box *b, struct box_plan *ret)
{
	struct box_job *j = b->job;

	plan_common(j, b->step_id, ret);
	pairs_set(&ret->labels, BOX_LABEL_STEP, b->step_id);
	box_plan_mount(ret, j->workspace, BOX_WORKSPACE, false);
	mount_own(b, ret);
	if (j->hosts_path)
		box_plan_mount(ret, j->hosts_path, "/etc/hosts", true);
	if (j->files_dir)
		box_plan_mount(ret, j->files_dir, BOX_FILES, false);
	if (j->tools_dir)
		box_plan_mount(ret, j->tools_dir, BOX_TOOLS, true);
	ret->working_dir = xstrdup(BOX_WORKSPACE);
	ret->network = xstrdup(j->network);
	ret->spec.memory = j->config->engine.memory;
	ret->spec.nano_cpus = cpu_limit(j->config->engine.nano_cpus);
	ret->spec.pids_limit = j->config->engine.pids_limit;
	ret->spec.nofile_limit = j->config->engine.nofile_limit;
	ret->spec.tmp_size = j->config->engine.tmp_size;
}

void box_holder_plan(struct box_job *j, struct box_plan *p)
{
	plan_common(j, "net", p);
	strv_add(&p->argv, GATE_BINARY);
	strv_add(&p->argv, GATE_MODE_HOLD);
	p->working_dir = xstrdup("/");
	p->network = xstrdup(box_job_network(j));
	p->spec.dns = &j->config->engine.dns_servers;
	p->spec.memory = HOLDER_MEMORY;
	p->spec.nano_cpus = cpu_limit(NANO / 10);
	p->spec.pids_limit = HOLDER_PIDS;
	p->spec.nofile_limit = HOLDER_NOFILE;
	p->spec.tmp_size = HOLDER_TMP;
}
