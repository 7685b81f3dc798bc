/* Reading what host/observation.c wrote: strict, bounded, sizes also as docker prints them. */
#include "base/limits.h"
#include "hygiene/host/observation.h"

enum { ROWS_READ_MAX = 4096 };

/* null and what is absent stay what the caller put there: -1 */
static int take_size(const struct json_value *v, void *target, struct err *e)
{
	if (v->type == JSON_STRING)
		return docker_size_parse(v->string, target, e);
	if (v->type != JSON_NUMBER || !v->is_integer || v->integer < 0)
		return err_set(e, ERR_INPUT, "expected a number of bytes of 0 or more, or null");
	*(int64_t *)target = v->integer;
	return 0;
}

static int take_time(const struct json_value *v, void *target, struct err *e)
{
	if (v->type != JSON_STRING)
		return err_set(e, ERR_INPUT, "expected a time such as 2026-01-31T12:00:00Z");
	return wall_parse(v->string, target, e);
}

#define SIZE(name, type, member)                                                        \
	{                                                                               \
		name, JSON_TO_CUSTOM, offsetof(struct type, member), 0, .fn = take_size \
	}
#define TEXT(name, type, member)                                                                  \
	{                                                                                         \
		name, JSON_TO_STRING, offsetof(struct type, member), JSON_REQUIRED, 0, LIMIT_NAME \
	}
#define FLAG(name, type, member)                                                 \
	{                                                                        \
		name, JSON_TO_BOOL, offsetof(struct type, member), JSON_REQUIRED \
	}

/* ---- lists of rows ---- */

struct row_list {
	int64_t total;
	bool truncated;
	const struct json_value *rows;
};
static const struct json_field row_list_fields[] = {
	{ "total", JSON_TO_INT, offsetof(struct row_list, total), JSON_REQUIRED, 0, INT64_MAX },
	FLAG("truncated", row_list, truncated),
	{ "rows", JSON_TO_VALUE, offsetof(struct row_list, rows), JSON_REQUIRED },
};

static int check_rows(const struct json_value *rows, const char *name, struct err *e)
{
	if (rows && rows->type == JSON_ARRAY && rows->count <= ROWS_READ_MAX)
		return 0;
	return err_set(e, ERR_INPUT, "%s: expected a list of at most %d rows", name, ROWS_READ_MAX);
}

static int read_list(
	const struct json_value *v, const char *name, struct row_list *ret, struct err *e)
{
	*ret = (struct row_list){ 0 };
	if (json_decode(v, row_list_fields, ARRAY_LEN(row_list_fields), ret, JSON_STRICT, e) < 0)
		return err_wrap(e, "%s", name);
	if (check_rows(ret->rows, name, e) < 0)
		return -1;
	if (ret->total < (int64_t)ret->rows->count)
		return err_set(e, ERR_INPUT, "%s: a total below the number of rows", name);
	return 0;
}

static int read_names(const struct json_value *v, const char *name, struct strv *ret, struct err *e)
{
	struct row_list list;

	if (read_list(v, name, &list, e) < 0)
		return -1;
	json_array_each (item, list.rows) {
		if (item->type != JSON_STRING)
			return err_set(e, ERR_INPUT, "%s: expected names", name);
		strv_add(ret, item->string);
	}
	return 0;
}

static const struct json_field image_fields[] = {
	TEXT("id", image_row, id),
	TEXT("repository", image_row, repository),
	TEXT("tag", image_row, tag),
	SIZE("size", image_row, size),
	{ "created", JSON_TO_INT, offsetof(struct image_row, created), JSON_REQUIRED },
	FLAG("dangling", image_row, dangling),
	FLAG("in_use", image_row, in_use),
	FLAG("is_warm_builder", image_row, warm),
};

static int read_images(const struct json_value *v, struct inventory *inv, struct err *e)
{
	struct row_list list;

	if (read_list(v, "image_inventory", &list, e) < 0)
		return -1;
	inv->total_images = list.total;
	inv->images = xcalloc(list.rows->count + 1, sizeof(*inv->images));
	json_array_each (item, list.rows) {
		struct image_row *r = &inv->images[inv->n_images++];

		r->size = -1;
		if (json_decode(item, image_fields, ARRAY_LEN(image_fields), r, JSON_STRICT, e) < 0)
			return err_wrap(e, "image_inventory");
	}
	return 0;
}

struct volume_read {
	struct volume_row row;
	bool dangling;
};
static const struct json_field volume_fields[] = {
	TEXT("name", volume_read, row.name),
	TEXT("driver", volume_read, row.driver),
	TEXT("mountpoint", volume_read, row.mountpoint),
	{ "labels", JSON_TO_STRV, offsetof(struct volume_read, row.labels), 0, 0, 64 },
	SIZE("size", volume_read, row.size),
	SIZE("referenced_by_containers", volume_read, row.links),
	FLAG("dangling", volume_read, dangling),
	FLAG("is_builder_state", volume_read, row.state),
	FLAG("is_warm_builder", volume_read, row.warm),
};

static int read_volumes(const struct json_value *v, struct inventory *inv, struct err *e)
{
	struct row_list list;

	if (read_list(v, "volume_inventory", &list, e) < 0)
		return -1;
	inv->total_volumes = list.total;
	inv->volumes = xcalloc(list.rows->count + 1, sizeof(*inv->volumes));
	json_array_each (item, list.rows) {
		struct volume_read r = { .row = { .size = -1, .links = -1 } };
		int rc = json_decode(
			item, volume_fields, ARRAY_LEN(volume_fields), &r, JSON_STRICT, e);

		inv->volumes[inv->n_volumes++] = r.row;
		if (rc < 0)
			return err_wrap(e, "volume_inventory");
	}
	return 0;
}

/* ---- what is measured ---- */

struct measure_read {
	char *availability, *reason;
	int64_t bytes;
};
static const struct json_field measure_fields[] = {
	TEXT("availability", measure_read, availability),
	SIZE("bytes", measure_read, bytes),
	{ "reason", JSON_TO_STRING, offsetof(struct measure_read, reason) },
};

static int read_measure(const struct json_value *v, struct measure *m, struct err *e)
{
	struct measure_read r = { .bytes = -1 };
	int rc = json_decode(v, measure_fields, ARRAY_LEN(measure_fields), &r, JSON_STRICT, e);

	*m = (struct measure){ MEASURE_UNAVAILABLE, r.bytes, r.reason ? "told elsewhere" : NULL };
	while (rc == 0 && m->available > 0 &&
		!str_eq(r.availability, availability_name(m->available)))
		m->available--;
	if (rc == 0 && !str_eq(r.availability, availability_name(m->available)))
		rc = err_set(
			e, ERR_INPUT, "availability: expected available, partial or unavailable");
	if (rc == 0 && (m->available == MEASURE_UNAVAILABLE) != (m->bytes < 0))
		rc = err_set(e, ERR_INPUT, "bytes: expected null if and only if unavailable");
	free(r.availability);
	free(r.reason);
	return rc;
}

static int read_measures(const struct json_value *v, struct inventory *inv, struct err *e)
{
	for (unsigned i = 0; i < MEASURES; i++) {
		const struct json_value *m = json_get(v, measure_key(i));

		if (!m || v->count != MEASURES)
			return err_set(e, ERR_INPUT,
				"docker_reclaimable: expected images, containers, local_volumes "
				"and build_cache");
		if (read_measure(m, &inv->reclaimable[i], e) < 0)
			return err_wrap(e, "docker_reclaimable.%s", measure_key(i));
	}
	return 0;
}

static const struct json_field builder_fields[] = {
	TEXT("name", builder_row, name),
	FLAG("present", builder_row, present),
};

static int read_builders(const struct json_value *v, struct inventory *inv, struct err *e)
{
	if (check_rows(v, "warm_builders", e) < 0)
		return -1;
	inv->builders = xcalloc(v->count + 1, sizeof(*inv->builders));
	json_array_each (item, v)
		if (json_decode(item, builder_fields, ARRAY_LEN(builder_fields),
			    &inv->builders[inv->n_builders++], JSON_STRICT, e) < 0)
			return err_wrap(e, "warm_builders");
	return 0;
}

static const struct json_field place_fields[] = {
	TEXT("key", host_place, key),
	SIZE("disk_used_bytes", host_place, used),
	SIZE("disk_available_bytes", host_place, avail),
	SIZE("bytes", host_place, bytes),
	SIZE("allocated_bytes", host_place, allocated),
	SIZE("unseen", host_place, unseen),
};

static int read_places(const struct json_value *v, struct host_observation *o, struct err *e)
{
	if (!v || v->type != JSON_ARRAY || v->count > OBSERVATION_PLACES)
		return err_set(
			e, ERR_INPUT, "places: expected a list of at most %d", OBSERVATION_PLACES);
	json_array_each (item, v) {
		struct host_place *p = &o->places[o->n_places++];

		*p = (struct host_place){ NULL, -1, -1, -1, -1, -1 };
		if (json_decode(item, place_fields, ARRAY_LEN(place_fields), p, JSON_STRICT, e) < 0)
			return err_wrap(e, "places");
	}
	return 0;
}

/* ---- the whole ---- */

struct parts {
	int64_t schema;
	struct host_observation o;
	const struct json_value *places, *reclaimable, *builders, *images, *volumes;
	const struct json_value *orphan_containers, *orphan_volumes;
};
#define PART(name, member)                                                         \
	{                                                                          \
		name, JSON_TO_VALUE, offsetof(struct parts, member), JSON_REQUIRED \
	}
static const struct json_field part_fields[] = {
	{ "schema_version", JSON_TO_INT, offsetof(struct parts, schema), JSON_REQUIRED,
		OBSERVATION_SCHEMA, OBSERVATION_SCHEMA },
	TEXT("host_name", parts, o.host),
	{ "observed_at", JSON_TO_CUSTOM, offsetof(struct parts, o.at), JSON_REQUIRED,
		.fn = take_time },
	TEXT("engine", parts, o.engine),
	TEXT("docker_toolchain", parts, o.server),
	SIZE("free_disk_bytes", parts, o.free),
	SIZE("docker_reclaimable_bytes", parts, o.reclaimable),
	SIZE("runner_workdir_bytes", parts, o.workdir),
	SIZE("runner_workdir_allocated_bytes", parts, o.workdir_allocated),
	SIZE("runner_workdir_unseen", parts, o.workdir_unseen),
	PART("places", places),
	PART("docker_reclaimable", reclaimable),
	PART("warm_builders", builders),
	PART("image_inventory", images),
	PART("volume_inventory", volumes),
	PART("orphan_buildkit_containers", orphan_containers),
	PART("orphan_buildkit_volumes", orphan_volumes),
};

int host_observation_read(struct host_observation *o, const struct json_value *v, struct err *e)
{
	struct parts p = { .o = { .free = -1,
				   .reclaimable = -1,
				   .workdir = -1,
				   .workdir_allocated = -1,
				   .workdir_unseen = -1 } };
	int rc = json_decode(v, part_fields, ARRAY_LEN(part_fields), &p, JSON_STRICT, e);

	*o = p.o;
	if (rc < 0 || read_places(p.places, o, e) < 0 ||
		read_measures(p.reclaimable, &o->inventory, e) < 0 ||
		read_builders(p.builders, &o->inventory, e) < 0 ||
		read_images(p.images, &o->inventory, e) < 0 ||
		read_volumes(p.volumes, &o->inventory, e) < 0 ||
		read_names(p.orphan_containers, "orphan_buildkit_containers",
			&o->inventory.orphan_containers, e) < 0 ||
		read_names(p.orphan_volumes, "orphan_buildkit_volumes",
			&o->inventory.orphan_volumes, e) < 0)
		return err_wrap(e, "observation");
	return 0;
}
