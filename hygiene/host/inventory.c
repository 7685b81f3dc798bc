/*
 * Rows from four answers of the engine. What protects a row (used, warm, state) is decided here,
 * once; a row without an id or a name is an error, as nobody could protect it.
 */
#include "hygiene/host/inventory.h"

#include <ctype.h>

#include "base/codec.h"
#include "base/utf8.h"
#include "config/hygiene_check.h"
#include "hygiene/host/inventory_bytes.h"
#include "hygiene/host/policy.h"

#define BUILDKIT "buildx_buildkit_"
#define OUR_LABEL "sh.shithub.runner"
#define NO_NAME "<none>"

/* The list behind key; an empty one may be null. Absent or anything else is an error. */
int inventory_list(
	const struct json_value *v, const char *key, const struct json_value **ret, struct err *e)
{
	const struct json_value *list = key ? json_get(v, key) : v;

	if (!list || (list->type != JSON_ARRAY && list->type != JSON_NULL))
		return err_set(e, ERR_PROTO, "the engine's answer has no list %s",
			key ? key : "of images or containers");
	*ret = list->type == JSON_ARRAY ? list : NULL;
	return 0;
}

static char *cut(const char *text, size_t most)
{
	return xstrndup(text, utf8_cut(text, most));
}

static char *text_of(const struct json_value *v, const char *key)
{
	const char *text = json_get_string(v, key);

	return cut(text ? text : "", INVENTORY_TEXT_MAX);
}

/* ---- warm builders ---- */

const char *image_short_name(const char *ref)
{
	static const char *const hosts[] = { "docker.io/library/", "docker.io/", "localhost/" };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (str_starts(ref, hosts[i]))
			return ref + strlen(hosts[i]);
	return ref;
}

/* buildx_buildkit_<builder><n><suffix> */
static bool is_of_builder(const char *name, const char *builder, const char *suffix)
{
	size_t n = strlen(BUILDKIT), b = strlen(builder);

	if (!str_starts(name, BUILDKIT) || strlen(name) < n + b)
		return false;
	CLEAN_STR char *part = xstrndup(name + n, b);
	size_t digits = strspn(name + n + b, "0123456789");
	return hygiene_same(part, builder) && digits && str_eq(name + n + b + digits, suffix);
}

static bool mark(struct inventory *inv, bool (*is)(const char *, const char *), const char *name)
{
	bool any = false;

	for (size_t i = 0; i < inv->n_builders; i++)
		if (is(name, inv->builders[i].name)) {
			inv->builders[i].present = true;
			any = true;
		}
	return any;
}

static bool image_is(const char *name, const char *builder)
{
	return hygiene_same(image_short_name(name), image_short_name(builder));
}
static bool container_is(const char *name, const char *builder)
{
	return hygiene_same(name, builder) || is_of_builder(name, builder, "");
}
static bool volume_is(const char *name, const char *builder)
{
	return hygiene_same(name, builder) || is_of_builder(name, builder, "_state");
}

static int by_builder(const void *a, const void *b)
{
	return strcmp(((const struct builder_row *)a)->name, ((const struct builder_row *)b)->name);
}

static void add_builders(struct inventory *inv, const struct strv *names)
{
	inv->builders = xcalloc(names->n + 1, sizeof(*inv->builders));
	strv_each (name, names)
		inv->builders[inv->n_builders++].name = xstrdup(name);
	qsort(inv->builders, inv->n_builders, sizeof(*inv->builders), by_builder);
}

/* ---- images ---- */

static const char *bare_id(const char *id)
{
	return id && str_starts(id, "sha256:") ? id + 7 : id;
}

static bool image_in_use(const struct json_value *containers, const char *id)
{
	json_array_each (c, containers)
		if (str_eq(bare_id(json_get_string(c, "ImageID")), bare_id(id)))
			return true;
	return false;
}

static void add_image(
	struct inventory *inv, const struct json_value *v, const char *name, bool used)
{
	struct image_row *r;
	const char *colon = strrchr(name, ':');
	bool tagged = colon && !strchr(colon, '/') && !str_starts(name, NO_NAME);

	inv->images = xrealloc(inv->images, (inv->n_images + 1) * sizeof(*inv->images));
	r = &inv->images[inv->n_images++];
	*r = (struct image_row){ .id = text_of(v, "Id"),
		.repository = tagged ? xstrndup(name, (size_t)(colon - name)) : xstrdup(NO_NAME),
		.tag = cut(tagged ? colon + 1 : NO_NAME, INVENTORY_TEXT_MAX),
		.size = json_get_int(v, "Size", -1),
		.created = json_get_int(v, "Created", 0),
		.dangling = !tagged,
		.in_use = used,
		.warm = tagged && mark(inv, image_is, name) };
}

static int add_images(struct inventory *inv, const struct json_value *images,
	const struct json_value *containers, struct err *e)
{
	json_array_each (v, images) {
		const struct json_value *tags = json_get(v, "RepoTags");
		const char *id = json_get_string(v, "Id");
		bool used = id && image_in_use(containers, id), named = false;

		if (!id)
			return err_set(e, ERR_PROTO, "the engine's answer has an image without Id");
		if (tags && tags->type == JSON_ARRAY)
			json_array_each (tag, tags)
				if (tag->type == JSON_STRING) {
					add_image(inv, v, tag->string, used);
					named = true;
				}
		if (!named)
			add_image(inv, v, NO_NAME, used);
	}
	return 0;
}

static int by_image(const void *a, const void *b)
{
	const struct image_row *x = a, *y = b;
	int rc = strcmp(x->repository, y->repository);

	rc = rc ? rc : strcmp(x->tag, y->tag);
	return rc ? rc : strcmp(x->id, y->id);
}

/* ---- containers ---- */

static void add_container(struct inventory *inv, const struct json_value *v)
{
	const struct json_value *names = json_get(v, "Names");
	const char *name = names && names->type == JSON_ARRAY && names->count &&
					   names->items[0]->type == JSON_STRING
				   ? names->items[0]->string
				   : "";
	const char *image = json_get_string(v, "Image"), *state = json_get_string(v, "State");
	bool runs = str_eq(state, "running") || str_eq(state, "restarting");

	name += name[0] == '/';
	bool warm = mark(inv, container_is, name);
	if (runs && json_get_string(json_get(v, "Labels"), OUR_LABEL))
		inv->running_ours++;
	if (!runs && !warm &&
		(str_starts(name, BUILDKIT) || (image && strstr(image, "moby/buildkit"))))
		strv_add(&inv->orphan_containers, name);
}

/* ---- volumes ---- */

/* Thousands of volumes are met in practice, so what df says of each is found by its name. */
struct named {
	const char *name;
	const struct json_value *v;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *index_names(const struct json_value *list, size_t *ret_n)
{
	struct named *v = xcalloc((list ? list->count : 0) + 1, sizeof(*v));

	*ret_n = 0;
	json_array_each (item, list) {
		const char *name = json_get_string(item, "Name");

		if (name)
			v[(*ret_n)++] = (struct named){ name, item };
	}
	qsort(v, *ret_n, sizeof(*v), by_name);
	return v;
}

static char *mountpoint_of(const struct json_value *v, const char *root)
{
	const char *path = json_get_string(v, "Mountpoint");
	size_t n = root ? strlen(root) : 0;

	if (!path || !n || strncmp(path, root, n) != 0 || path[n] != '/')
		return xstrdup("elsewhere");
	CLEAN_STR char *below = cut(path + n, INVENTORY_TEXT_MAX);
	return xasprintf("engine:%s", below);
}

static void add_volume(struct inventory *inv, const struct json_value *v,
	const struct json_value *usage, const char *root)
{
	const struct json_value *labels = json_get(v, "Labels");
	const struct json_value *data = json_get(usage, "UsageData");
	struct volume_row *r;

	inv->volumes = xrealloc(inv->volumes, (inv->n_volumes + 1) * sizeof(*inv->volumes));
	r = &inv->volumes[inv->n_volumes++];
	*r = (struct volume_row){ .name = text_of(v, "Name"),
		.driver = text_of(v, "Driver"),
		.mountpoint = mountpoint_of(v, root),
		.size = json_get_int(data, "Size", -1),
		.links = json_get_int(data, "RefCount", -1) };
	if (labels && labels->type == JSON_OBJECT)
		for (size_t i = 0; i < labels->count && i < 8; i++)
			strv_add_take(&r->labels, cut(labels->items[i]->key, 64));
	strv_sort(&r->labels);
	r->state = is_state_volume(r->name);
	r->warm = mark(inv, volume_is, r->name);
	if (r->state && !r->warm && r->links == 0)
		strv_add(&inv->orphan_volumes, r->name);
}

static int add_volumes(struct inventory *inv, const struct json_value *volumes,
	const struct json_value *usage, const char *root, struct err *e)
{
	size_t n;
	struct named *sizes = index_names(usage, &n);
	int rc = 0;

	json_array_each (v, volumes) {
		struct named wanted = { .name = json_get_string(v, "Name") }, *found;

		if (!wanted.name) {
			rc = err_set(e, ERR_PROTO, "the engine's answer has a volume without Name");
			break;
		}
		found = bsearch(&wanted, sizes, n, sizeof(*sizes), by_name);
		add_volume(inv, v, found ? found->v : NULL, root);
	}
	free(sizes);
	return rc;
}

static int by_volume(const void *a, const void *b)
{
	return strcmp(((const struct volume_row *)a)->name, ((const struct volume_row *)b)->name);
}

/* ---- all ---- */

static void sort(struct inventory *inv)
{
	if (inv->n_images)
		qsort(inv->images, inv->n_images, sizeof(*inv->images), by_image);
	if (inv->n_volumes)
		qsort(inv->volumes, inv->n_volumes, sizeof(*inv->volumes), by_volume);
	strv_sort(&inv->orphan_containers);
	strv_sort(&inv->orphan_volumes);
	inv->total_images = (int64_t)inv->n_images;
	inv->total_volumes = (int64_t)inv->n_volumes;
}

int inventory_read(struct inventory *inv, const struct inventory_source *from, struct err *e)
{
	const struct json_value *images = NULL, *containers = NULL, *volumes = NULL, *usage = NULL;

	*inv = (struct inventory){ 0 };
	add_builders(inv, from->warm_builders);
	if (inventory_list(from->images, NULL, &images, e) < 0 ||
		inventory_list(from->containers, NULL, &containers, e) < 0 ||
		inventory_list(from->volumes, "Volumes", &volumes, e) < 0 ||
		inventory_list(from->usage, "Volumes", &usage, e) < 0 ||
		inventory_measure(inv, from, e) < 0 || add_images(inv, images, containers, e) < 0 ||
		add_volumes(inv, volumes, usage, from->engine_root, e) < 0)
		return -1;
	json_array_each (v, containers)
		add_container(inv, v);
	sort(inv);
	return 0;
}

void inventory_release(struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_images; i++) {
		free(inv->images[i].id);
		free(inv->images[i].repository);
		free(inv->images[i].tag);
	}
	for (size_t i = 0; i < inv->n_volumes; i++) {
		free(inv->volumes[i].name);
		free(inv->volumes[i].driver);
		free(inv->volumes[i].mountpoint);
		strv_release(&inv->volumes[i].labels);
	}
	for (size_t i = 0; i < inv->n_builders; i++)
		free(inv->builders[i].name);
	free(inv->images);
	free(inv->volumes);
	free(inv->builders);
	strv_release(&inv->orphan_containers);
	strv_release(&inv->orphan_volumes);
	*inv = (struct inventory){ 0 };
}
