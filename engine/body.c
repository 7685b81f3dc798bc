/*
 * The body of a container's creation: all confinement that the engine gives a step. Pure, so
 * that the test compares exact keys; nothing here depends on the state of a machine.
 *
 * Left out on purpose: no nproc limit (it counts per host uid over all containers:
 * one job could starve every other; PidsLimit is the limit that holds; where one must be named it
 * is as high as the host allows), no Init (the gate is process 1), no MaskedPaths (an empty list
 * would unmask the defaults).
 */
#include "base/json.h"

#include <inttypes.h>
#include "engine/dialect.h"
#include "engine/step_box.h"

static void body_tmpfs(
	struct json_writer *w, const struct container_spec *s, const struct dialect *d)
{
	CLEAN_STR char *options =
		xasprintf("rw,exec,nosuid,nodev,size=%" PRIu64 ",mode=1777", s->tmp_size);

	json_key(w, "Tmpfs");
	json_begin_object(w);
	json_kv_str(w, "/tmp", options);
	for (size_t i = 0; i < s->volumes->n; i++)
		json_kv_str(w, s->volumes->v[i], options);
	for (size_t i = 0; i < d->n_tmpfs; i++)
		json_kv_str(w, d->tmpfs[i].target, d->tmpfs[i].options);
	json_end_object(w);
}

static void body_mounts(struct json_writer *w, const struct container_spec *s)
{
	json_key(w, "Mounts");
	json_begin_array(w);
	for (size_t i = 0; i < s->n_mounts; i++) {
		json_begin_object(w);
		json_kv_str(w, "Type", "bind");
		json_kv_str(w, "Source", s->mounts[i].source);
		json_kv_str(w, "Target", s->mounts[i].target);
		json_kv_bool(w, "ReadOnly", s->mounts[i].read_only);
		json_key(w, "BindOptions");
		json_begin_object(w);
		json_kv_str(w, "Propagation", "rprivate");
		json_end_object(w);
		json_end_object(w);
	}
	json_end_array(w);
}

static void body_ulimit(struct json_writer *w, const char *name, int64_t value)
{
	json_begin_object(w);
	json_kv_str(w, "Name", name);
	json_kv_int(w, "Soft", value);
	json_kv_int(w, "Hard", value);
	json_end_object(w);
}

static void body_limits(
	struct json_writer *w, const struct container_spec *s, const struct dialect *d)
{
	json_kv_int(w, "PidsLimit", s->pids_limit);
	json_kv_int(w, "Memory", (int64_t)s->memory);
	json_kv_int(w, "MemorySwap", (int64_t)s->memory); /* memory + swap: no swap */
	json_kv_int(w, "NanoCpus", s->nano_cpus);
	json_kv_int(w, "OomScoreAdj", 500); /* the host's own processes outlive a step */
	json_key(w, "Ulimits");
	json_begin_array(w);
	body_ulimit(w, "nofile", s->nofile_limit);
	body_ulimit(w, "core", 0);
	if (d->nproc_needed && s->nproc_limit > 0)
		body_ulimit(w, "nproc", s->nproc_limit);
	json_end_array(w);
}

static void body_security(
	struct json_writer *w, const struct container_spec *s, const struct dialect *d)
{
	const char *profile = d->seccomp_inline ? s->seccomp_json : s->seccomp_path;
	CLEAN_STR char *seccomp = xasprintf("seccomp=%s", profile);

	json_kv_bool(w, "ReadonlyRootfs", true);
	json_key(w, "CapDrop");
	json_begin_array(w);
	json_str(w, "ALL");
	json_end_array(w);
	json_key(w, "SecurityOpt");
	json_begin_array(w);
	json_str(w, "no-new-privileges");
	json_str(w, seccomp);
	json_end_array(w);
	json_kv_str(w, "IpcMode", "private"); /* its own /dev/shm, 64 MiB, charged to Memory */
	json_kv_str(w, "CgroupnsMode", "private");
}

static bool has_own_network(const struct container_spec *s)
{
	return !str_starts(s->network, "container:") && !str_eq(s->network, "none");
}

static void body_host_config(
	struct json_writer *w, const struct container_spec *s, const struct dialect *d)
{
	json_key(w, "HostConfig");
	json_begin_object(w);
	json_kv_str(w, "NetworkMode", s->network);
	/* always set where it is allowed: else a loopback resolver of the host answers any name */
	if (has_own_network(s) && s->dns && s->dns->n)
		json_kv_strv(w, "Dns", s->dns);
	if (d->userns)
		json_kv_str(w, "UsernsMode",
			str_starts(s->network, "container:") ? s->network : d->userns);
	body_security(w, s, d);
	body_tmpfs(w, s, d);
	body_limits(w, s, d);
	body_mounts(w, s);
	json_key(w, "LogConfig");
	json_begin_object(w);
	json_kv_str(w, "Type", "none"); /* a step's output must not reach the engine's disk */
	json_end_object(w);
	json_key(w, "RestartPolicy");
	json_begin_object(w);
	json_kv_str(w, "Name", "no");
	json_end_object(w);
	json_kv_bool(w, "AutoRemove", false); /* the exit code is read after the end */
	json_end_object(w);
}

static void body_command(
	struct json_writer *w, const struct container_spec *s, const struct dialect *d)
{
	static const struct strv none = { 0 };
	CLEAN_STR char *user = xasprintf("%" PRId64 ":%" PRId64, s->uid, s->gid);

	json_kv_str(w, "Image", s->image);
	json_kv_str(w, "User", user);
	json_kv_str(w, "WorkingDir", s->working_dir);
	json_kv_strv(w, "Entrypoint", s->argv);
	json_kv_strv(w, "Cmd", &none); /* else the image's own is appended */
	json_kv_strv(w, "Env", s->env ? s->env : &none);
	json_kv_pairs(w, "Labels", s->labels);
	if (!str_starts(s->network, "container:"))
		json_kv_str(
			w, "Hostname", BOX_HOSTNAME); /* refused there: shared with the holder */
	if (d->network_disabled && str_eq(s->network, "none"))
		json_kv_bool(w, "NetworkDisabled", true);
	json_kv_str(w, "StopSignal", "SIGTERM");
	json_key(w, "Healthcheck");
	json_begin_object(w);
	json_key(w, "Test");
	json_begin_array(w);
	json_str(w, "NONE");
	json_end_array(w);
	json_end_object(w);
}

static int spec_check(const struct container_spec *s, const struct dialect *d, struct err *e)
{
	if (str_empty(d->seccomp_inline ? s->seccomp_json : s->seccomp_path))
		return err_set(e, ERR_INTERNAL, "%s container without a seccomp profile", d->name);
	if (str_empty(s->image) || !s->argv || !s->argv->n || !s->labels || str_empty(s->network))
		return err_set(e, ERR_INTERNAL, "container needs image, command, labels, network");
	if (s->uid <= 0 || s->gid <= 0)
		return err_set(e, ERR_INPUT,
			"container user %" PRId64 ":%" PRId64 ": expected neither to be root",
			s->uid, s->gid);
	if (s->pids_limit < 1 || s->nano_cpus < 1 || s->memory == 0 || s->memory > INT64_MAX)
		return err_set(
			e, ERR_INPUT, "container limits: expected pids, cpus, memory above 0");
	return 0;
}

int container_body(
	const struct container_spec *s, const struct dialect *d, struct buf *out, struct err *e)
{
	struct json_writer w;

	if (spec_check(s, d, e) < 0)
		return -1;
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	body_command(&w, s, d);
	body_host_config(&w, s, d);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "container body");
	return 0;
}
