/*
 * An observation as JSON. Reports are made again from such files on other machines, so it holds
 * public names of folders, never paths.
 */
#include "hygiene/host/observation.h"

void host_observation_release(struct host_observation *o)
{
	free(o->host);
	free(o->engine);
	free(o->server);
	for (size_t i = 0; i < o->n_places; i++)
		free(o->places[i].key);
	inventory_release(&o->inventory);
	*o = (struct host_observation){ 0 };
}

const struct volume_row *host_volume(const struct host_observation *o, const char *name)
{
	for (size_t i = 0; i < o->inventory.n_volumes; i++)
		if (str_eq(o->inventory.volumes[i].name, name))
			return &o->inventory.volumes[i];
	return NULL;
}

void kv_count(struct json_writer *w, const char *key, int64_t v)
{
	json_key(w, key);
	if (v < 0)
		json_null(w);
	else
		json_int(w, v);
}

static void write_place(const struct host_place *p, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "key", p->key);
	kv_count(w, "disk_used_bytes", p->used);
	kv_count(w, "disk_available_bytes", p->avail);
	kv_count(w, "bytes", p->bytes);
	kv_count(w, "allocated_bytes", p->allocated);
	kv_count(w, "unseen", p->unseen);
	json_end_object(w);
}

static void write_measure(const struct measure *m, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "availability", availability_name(m->available));
	kv_count(w, "bytes", m->bytes);
	json_kv_str(w, "reason", m->reason);
	json_end_object(w);
}

static void write_image(const struct image_row *r, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "id", r->id);
	json_kv_str(w, "repository", r->repository);
	json_kv_str(w, "tag", r->tag);
	kv_count(w, "size", r->size);
	json_kv_int(w, "created", r->created);
	json_kv_bool(w, "dangling", r->dangling);
	json_kv_bool(w, "in_use", r->in_use);
	json_kv_bool(w, "is_warm_builder", r->warm);
	json_end_object(w);
}

static void write_volume(const struct volume_row *r, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "name", r->name);
	json_kv_str(w, "driver", r->driver);
	json_kv_str(w, "mountpoint", r->mountpoint);
	json_kv_strv(w, "labels", &r->labels);
	kv_count(w, "size", r->size);
	kv_count(w, "referenced_by_containers", r->links);
	json_kv_bool(w, "dangling", r->links == 0);
	json_kv_bool(w, "is_builder_state", r->state);
	json_kv_bool(w, "is_warm_builder", r->warm);
	json_end_object(w);
}

static void begin_rows(struct json_writer *w, const char *key, int64_t total)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_int(w, "total", total);
	json_kv_bool(w, "truncated", total > INVENTORY_ROWS_MAX);
	json_key(w, "rows");
	json_begin_array(w);
}

static void end_rows(struct json_writer *w)
{
	json_end_array(w);
	json_end_object(w);
}

static void write_names(struct json_writer *w, const char *key, const struct strv *names)
{
	begin_rows(w, key, (int64_t)names->n);
	for (size_t i = 0; i < names->n && i < INVENTORY_ROWS_MAX; i++)
		json_str(w, names->v[i]);
	end_rows(w);
}

static void write_inventory(const struct inventory *inv, struct json_writer *w)
{
	json_key(w, "docker_reclaimable");
	json_begin_object(w);
	for (unsigned i = 0; i < MEASURES; i++) {
		json_key(w, measure_key(i));
		write_measure(&inv->reclaimable[i], w);
	}
	json_end_object(w);
	json_key(w, "warm_builders");
	json_begin_array(w);
	for (size_t i = 0; i < inv->n_builders; i++) {
		json_begin_object(w);
		json_kv_str(w, "name", inv->builders[i].name);
		json_kv_bool(w, "present", inv->builders[i].present);
		json_end_object(w);
	}
	json_end_array(w);
	begin_rows(w, "image_inventory", inv->total_images);
	for (size_t i = 0; i < inv->n_images && i < INVENTORY_ROWS_MAX; i++)
		write_image(&inv->images[i], w);
	end_rows(w);
	begin_rows(w, "volume_inventory", inv->total_volumes);
	for (size_t i = 0; i < inv->n_volumes && i < INVENTORY_ROWS_MAX; i++)
		write_volume(&inv->volumes[i], w);
	end_rows(w);
	write_names(w, "orphan_buildkit_containers", &inv->orphan_containers);
	write_names(w, "orphan_buildkit_volumes", &inv->orphan_volumes);
}

void host_observation_write(const struct host_observation *o, struct json_writer *w)
{
	char at[WALL_TEXT_MAX];

	json_begin_object(w);
	json_kv_int(w, "schema_version", OBSERVATION_SCHEMA);
	json_kv_str(w, "host_name", o->host);
	json_kv_str(w, "observed_at", wall_format(o->at, at));
	json_kv_str(w, "engine", o->engine);
	json_kv_str(w, "docker_toolchain", o->server);
	kv_count(w, "free_disk_bytes", o->free);
	kv_count(w, "docker_reclaimable_bytes", o->reclaimable);
	kv_count(w, "runner_workdir_bytes", o->workdir);
	kv_count(w, "runner_workdir_allocated_bytes", o->workdir_allocated);
	kv_count(w, "runner_workdir_unseen", o->workdir_unseen);
	json_key(w, "places");
	json_begin_array(w);
	for (size_t i = 0; i < o->n_places; i++)
		write_place(&o->places[i], w);
	json_end_array(w);
	write_inventory(&o->inventory, w);
	json_end_object(w);
}
