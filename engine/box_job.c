/*
 * What the boxes of one job share: network holder, seccomp file, clean-up. Every box joins the
 * holder's network namespace. Its container can be created as soon as the holder's is, which takes
 * the engine as long as starting the holder does; it starts when the holder is up. A holder that
 * fails, fails each box with its reason.
 */
#include "engine/step_box_private.h"

#include "base/codec.h"
#include "base/fs.h"
#include "base/log.h"
#include "engine/dialect.h"
#include "engine/image.h"
#include "engine/volumes.h"

/* ---- holder ---- */

static void boxes_begin(struct box_job *j)
{
	for (struct step_box *b = j->boxes; b; b = b->next)
		box_begin(b);
}

static void on_holder_made(void *data)
{
	struct box_job *j = data;

	j->network = xasprintf("container:%s", box_container_id(j->holder));
	j->holder_made = true;
	boxes_begin(j);
}

/* The containers of boxes wait for it themselves. */
static void on_holder_up(void *data UNUSED)
{
}

static void on_holder_failed(void *data, const struct err *e)
{
	struct box_job *j = data;

	j->holder_failed = true;
	j->holder_error = *e;
	err_wrap(&j->holder_error, "network %s", box_job_network(j));
	boxes_begin(j);
}

static int holder_begin(struct box_job *j, struct err *e)
{
	static const struct box_container_events events = {
		.made = on_holder_made,
		.up = on_holder_up,
		.failed = on_holder_failed,
	};
	struct box_plan plan;

	if (str_eq(box_job_network(j), "none")) {
		/* an empty namespace of its own costs a box no more than joining one */
		j->network = xstrdup("none");
		j->holder_made = true;
		return 0;
	}
	box_holder_plan(j, &plan);
	j->holder = box_container_new(&j->containers, &plan, NULL, e);
	if (!j->holder)
		return -1;
	box_container_begin(j->holder, &events, j);
	return 0;
}

/* ---- open, close ---- */

static int write_profile(struct box_job *j, struct err *e)
{
	if (engine_dialect(j->engine)->seccomp_inline)
		return 0;
	j->seccomp_path = path_join(j->control_dir, "seccomp.json");
	return file_replace(j->seccomp_path, j->seccomp_json, strlen(j->seccomp_json), 0644, e);
}

/* An engine that gives no network writes no names either (Docker), or those of the machine
 * (Podman); with one, the holder's file is everybody's. */
static int write_hosts(struct box_job *j, struct err *e)
{
	static const char hosts[] = "127.0.0.1\tlocalhost " BOX_HOSTNAME "\n"
				    "::1\tlocalhost ip6-localhost ip6-loopback\n";

	if (!str_eq(box_job_network(j), "none"))
		return 0;
	j->hosts_path = path_join(j->control_dir, "hosts");
	return file_replace(j->hosts_path, hosts, strlen(hosts), 0644, e);
}

static void job_free(struct box_job *j)
{
	box_free_pending(j);
	loop_source_unref(&j->free_later);
	if (j->seccomp_path)
		unlink(j->seccomp_path);
	if (j->hosts_path)
		unlink(j->hosts_path);
	free(j->instance_id);
	free(j->job_id);
	free(j->image);
	free(j->workspace);
	free(j->own_dir);
	free(j->home);
	free(j->files_dir);
	free(j->tools_dir);
	free(j->control_dir);
	free(j->gate_path);
	free(j->seccomp_json);
	free(j->seccomp_path);
	free(j->hosts_path);
	free(j->network);
	free(j->read_buf);
	strv_release(&j->volumes);
	free(j);
}

static int plan_volumes(struct box_job *j, const struct strv *known, struct err *e)
{
	CLEANUP(image_release) struct image image = { 0 };

	if (!known && engine_image_inspect(j->engine, j->image, &image, e) < 0)
		return -1;
	if (volumes_plan(known ? known : &image.volumes, j->home, &j->volumes, e) < 0)
		return err_wrap(e, "image %s", j->image);
	return 0;
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
	j->own_dir = xstrdup(spec->own_dir);
	j->files_dir = xstrdup(spec->files_dir);
	j->tools_dir = xstrdup(spec->tools_dir);
	j->home = xstrdup(spec->home);
	j->control_dir = xstrdup(spec->control_dir);
	j->gate_path = xstrdup(spec->gate_path);
	j->seccomp_json = xstrdup(spec->seccomp_json);
	j->ready_us = BOX_READY_US;
	j->containers =
		(struct box_list){ .loop = spec->loop, .engine = spec->engine, .empty = true };
	j->read_buf = xmalloc(BOX_READ_MAX);
	if (plan_volumes(j, spec->volumes, e) < 0 || write_profile(j, e) < 0 ||
		write_hosts(j, e) < 0 || holder_begin(j, e) < 0) {
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
