/*
 * Whether the objects that rows name are there, and only they. Everything that is there is listed
 * first and rows look into the list: in a bucket one request lists a thousand, and asking for each
 * object would take a request each.
 */
#include <inttypes.h>

#include "coordinator/doctor/doctor.h"
#include "coordinator/object/named.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/reader.h"

#define PATIENCE_US (10 * USEC_PER_SEC)
enum { NAMED_MAX = 3 };

struct there {
	char *key;
	int64_t size;
	bool named;
};
struct inventory {
	struct there *v;
	size_t n, room;
};

static void inventory_release(struct inventory *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].key);
	free(l->v);
}

static int inventory_add(void *data, const char *key, int64_t size, struct err *e UNUSED)
{
	struct inventory *l = data;

	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->v = xrealloc(l->v, l->room * sizeof(*l->v));
	}
	l->v[l->n++] = (struct there){ xstrdup(key), size, false };
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct there *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static struct there *inventory_find(const struct inventory *l, const char *key)
{
	const struct there wanted = { .key = (char *)(uintptr_t)key };

	return l->n ? bsearch(&wanted, l->v, l->n, sizeof(*l->v), by_key) : NULL;
}

/* ---- rows ---- */

struct object_walk {
	const struct coordinator_facts *f;
	struct doctor_row *r;
	struct objects *objects;
	struct inventory all;
	int64_t named, bad;
};

static int object_check(void *data, const struct object_named *o, struct err *e UNUSED)
{
	struct object_walk *w = data;
	struct there *there = inventory_find(&w->all, o->key);
	struct err one = { 0 };
	bool good = there && there->size == o->size;

	if (good && w->f->verify_objects)
		good = object_verify(w->objects, o->key, o->size, o->digest, &one) == 0;
	if (there)
		there->named = true;
	w->named += there != NULL;
	if (!good && w->bad++ < NAMED_MAX)
		doctor_say(w->r, DOCTOR_FAIL, "%s: %s", o->key,
			one.text[0] ? one.text
			: there     ? "its size is not that of its row"
				    : "there is no such object");
	return 0;
}

static void orphans_say(const struct object_walk *w)
{
	int64_t orphans = 0;

	for (size_t i = 0; i < w->all.n; i++)
		orphans += !w->all.v[i].named;
	if (orphans)
		doctor_say(w->r, DOCTOR_WARN, "%" PRId64 " objects that no row names", orphans);
}

static int walk_all(struct object_walk *w, struct err *e)
{
	if (!w->objects || objects_each(w->objects, inventory_add, &w->all, e) < 0)
		return -1;
	if (w->all.n)
		qsort(w->all.v, w->all.n, sizeof(*w->all.v), by_key);
	return object_each_named(w->f->store, w->objects, object_check, w, e);
}

void check_objects(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct err e = { 0 };
	CLEAN_OBJECTS struct objects *objects = objects_open_published(f->config.data_dir, &e);
	struct object_walk w = { .f = f, .r = r, .objects = objects };

	if (walk_all(&w, &e) < 0) {
		doctor_unproved(r, "%s", e.text);
	} else {
		if (w.bad)
			doctor_say(
				r, DOCTOR_FAIL, "%" PRId64 " in all are missing or damaged", w.bad);
		doctor_say(r, DOCTOR_PASS, "%" PRId64 " objects%s", w.named,
			f->verify_objects ? ", all of them read" : ", sizes alone");
		orphans_say(&w);
	}
	inventory_release(&w.all);
}

/* ---- where they are ---- */

void check_object_store(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct err e = { 0 };
	CLEAN_OBJECTS struct objects *objects = objects_open_published(f->config.data_dir, &e);

	if (!objects)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else if (!objects_far(objects))
		doctor_say(r, DOCTOR_PASS, "in the folder %s", objects_folder(objects));
	else if (f->offline)
		doctor_unproved(r, "it is a bucket, which was not asked (--offline)");
	else if (objects_check(objects, PATIENCE_US, &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else
		doctor_say(r, DOCTOR_PASS,
			"the bucket answers; whether it may be written to was "
			"not tried");
}
