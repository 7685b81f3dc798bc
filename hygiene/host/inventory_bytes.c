/*
 * How much the engine could give back, by kind, and docker's notation of sizes. An unknown size
 * makes a sum a lower bound and never a zero.
 */
#include "hygiene/host/inventory_bytes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

const char *measure_key(unsigned i)
{
	static const char *const keys[] = { "images", "containers", "local_volumes",
		"build_cache" };

	return keys[i];
}

const char *availability_name(enum availability a)
{
	static const char *const names[] = { "available", "partial", "unavailable" };

	return names[a];
}

/* A row whose size is unknown makes the sum a lower bound. */
static void add_bytes(struct measure *m, int64_t bytes)
{
	if (bytes < 0) {
		m->available = MEASURE_PARTIAL;
		m->reason = "the engine does not know every size";
	} else if (__builtin_add_overflow(m->bytes, bytes, &m->bytes)) {
		m->bytes = INT64_MAX;
	}
}

/* Layers that only unused images have: all layers but those of images with containers. */
static void add_images(struct measure *m, const struct json_value *images, int64_t layers)
{
	int64_t used = 0;

	json_array_each (v, images) {
		int64_t size = json_get_int(v, "Size", -1);
		int64_t shared = json_get_int(v, "SharedSize", -1);
		int64_t own = shared > 0 && shared <= size ? size - shared : size;

		if (json_get_int(v, "Containers", -1) > 0)
			used += own > 0 ? own : 0;
		else if (layers == 0 || size < 0)
			add_bytes(m, own);
	}
	if (layers > used)
		add_bytes(m, layers - used);
}

static bool runs(const struct json_value *container)
{
	const char *state = json_get_string(container, "State");

	return str_eq(state, "running") || str_eq(state, "paused") || str_eq(state, "restarting");
}

static void add_cache(struct inventory *inv, struct measure *m, const struct json_value *records)
{
	json_array_each (v, records) {
		bool in_use = json_get_bool(v, "InUse", false);

		inv->cache_in_use += in_use;
		if (!in_use && !json_get_bool(v, "Shared", false))
			add_bytes(m, json_get_int(v, "Size", -1));
	}
}

int inventory_measure(struct inventory *inv, const struct inventory_source *from, struct err *e)
{
	const struct json_value *images = NULL, *containers = NULL, *volumes = NULL, *cache = NULL;
	struct measure *m = inv->reclaimable;

	if (inventory_list(from->usage, "Images", &images, e) < 0 ||
		inventory_list(from->usage, "Containers", &containers, e) < 0 ||
		inventory_list(from->usage, "Volumes", &volumes, e) < 0 ||
		inventory_list(from->usage, "BuildCache", &cache, e) < 0)
		return -1;
	add_images(&m[MEASURE_IMAGES], images, json_get_int(from->usage, "LayersSize", 0));
	json_array_each (v, containers)
		if (!runs(v)) /* no size is one of nothing: such keys are left out */
			add_bytes(&m[MEASURE_CONTAINERS], json_get_int(v, "SizeRw", 0));
	json_array_each (v, volumes) {
		const struct json_value *data = json_get(v, "UsageData");
		int64_t links = json_get_int(data, "RefCount", -1);

		if (links <= 0)
			add_bytes(&m[MEASURE_VOLUMES], links ? -1 : json_get_int(data, "Size", -1));
	}
	add_cache(inv, &m[MEASURE_CACHE], cache);
	if (!from->has_build_cache)
		m[MEASURE_CACHE] = (struct measure){ MEASURE_UNAVAILABLE, -1,
			"this engine keeps no build cache apart from its images" };
	return 0;
}

int64_t inventory_reclaimable(const struct inventory *inv)
{
	int64_t sum = -1;

	for (size_t i = 0; i < MEASURES; i++) {
		const struct measure *m = &inv->reclaimable[i];
		int64_t base = sum < 0 ? 0 : sum;

		if (m->available != MEASURE_UNAVAILABLE &&
			__builtin_add_overflow(base, m->bytes, &sum))
			sum = INT64_MAX;
	}
	return sum;
}

/* ---- docker's texts ---- */

static double unit_of(struct slice unit)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = { { "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 }, { "GB", 1e9 },
		{ "TB", 1e12 }, { "PB", 1e15 }, { "KiB", 0x1p10 }, { "MiB", 0x1p20 },
		{ "GiB", 0x1p30 }, { "TiB", 0x1p40 }, { "PiB", 0x1p50 } };

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (slice_eq(unit, units[i].name))
			return units[i].factor;
	return 0;
}

/* " (88%)" or nothing */
static bool is_share(const char *s)
{
	size_t digits;

	if (*s == '\0')
		return true;
	if (!str_starts(s, " ("))
		return false;
	digits = strspn(s + 2, "0123456789");
	return digits >= 1 && digits <= 3 && str_eq(s + 2 + digits, "%)");
}

int docker_size_parse(const char *text, int64_t *ret, struct err *e)
{
	size_t number = strspn(text, "0123456789."), unit = strcspn(text + number, " ");
	double factor = unit_of((struct slice){ text + number, unit }), value;
	char *end = NULL;

	if (str_eq(text, "N/A")) {
		*ret = -1;
		return 0;
	}
	CLEAN_STR char *digits = xstrndup(text, number);
	value = number && number < 32 ? strtod(digits, &end) : -1;
	if (!end || value < 0 || *end || digits[0] == '.' || factor == 0 ||
		value * factor >= 0x1p63 || !is_share(text + number + unit))
		return err_set(
			e, ERR_INPUT, "expected a size such as \"148.52GB (88%%)\" or \"2GiB\"");
	*ret = (int64_t)(value * factor + 0.5);
	return 0;
}
