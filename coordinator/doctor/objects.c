/*
 * Whether the objects that rows name are there, and only they. Everything that is there is listed
 * and rows look into the list: in a bucket one request lists a thousand, and asking for each object
 * would take a request each.
 */
#include <inttypes.h>

#include "coordinator/doctor/doctor.h"
#include "coordinator/object/named.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/reader.h"
#include "coordinator/store/artifact.h"

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

static void inventory_put(struct inventory *l, const char *key, int64_t size)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->v = xrealloc(l->v, l->room * sizeof(*l->v));
	}
	l->v[l->n++] = (struct there){ xstrdup(key), size, false };
}

static int inventory_add(void *data, const char *key, int64_t size, struct err *e UNUSED)
{
	inventory_put(data, key, size);
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
	struct inventory all, again; /* again: what is there when all rows were read once */
	struct inventory suspects;   /* of rows whose object is not as it should be */
	bool looked_twice;
	int64_t named, bad;
};

static bool is_as_named(const struct inventory *l, const struct object_named *o)
{
	const struct there *there = inventory_find(l, o->key);

	return there && there->size == o->size;
}

static void bad_say(struct object_walk *w, const struct object_named *o, const char *why)
{
	if (w->bad++ < NAMED_MAX)
		doctor_say(w->r, DOCTOR_FAIL, "%s: %s", o->key, why);
}

static int object_check(void *data, const struct object_named *o, struct err *e UNUSED)
{
	struct object_walk *w = data;
	struct there *there = inventory_find(&w->all, o->key);
	struct err why = { 0 };

	if (there)
		there->named = true;
	w->named += there != NULL;
	if (!is_as_named(&w->all, o))
		inventory_put(&w->suspects, o->key, o->size);
	else if (w->f->verify_objects &&
		 object_verify(w->objects, o->key, o->size, o->digest, &why) < 0) {
		if (err_is(&why, ERR_NOT_FOUND))
			inventory_put(&w->suspects, o->key, o->size);
		else
			bad_say(w, o, why.text);
	}
	return 0;
}

static int object_check_again(void *data, const struct object_named *o, struct err *e UNUSED)
{
	struct object_walk *w = data;
	struct there *before = inventory_find(&w->all, o->key);

	if (before)
		before->named = true;
	if (inventory_find(&w->suspects, o->key) && !is_as_named(&w->again, o))
		bad_say(w, o,
			inventory_find(&w->again, o->key) ? "its size is not that of its row"
							  : "there is no such object");
	return 0;
}

/* ---- all of them ---- */

static void inventory_sort(struct inventory *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_key);
}

static int inventory_take(struct objects *o, struct inventory *l, struct err *e)
{
	if (objects_each(o, inventory_add, l, e) < 0)
		return -1;
	inventory_sort(l);
	return 0;
}

/* An artifact that has a row without a digest is being sent. */
static bool has_row(const struct object_walk *w, const char *key)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	int64_t id = artifact_of_key(key);

	return id && store_artifact_get(w->f->store, id, &row, NULL) == 0 && !row.digest;
}

static int64_t orphans_count(const struct object_walk *w)
{
	int64_t n = 0;

	for (size_t i = 0; i < w->all.n; i++) {
		const struct there *t = &w->all.v[i];

		n += !t->named && !has_row(w, t->key) &&
		     (!w->looked_twice || inventory_find(&w->again, t->key));
	}
	return n;
}

/* Objects come and go while this looks. An object stands before its row says so and goes before its
 * row: what is not there in a list that is younger than the row, and has its row even then, is
 * missing; what is in both lists and has no row in either reading is nobody's. */
static int walk_all(struct object_walk *w, struct err *e)
{
	if (!w->objects || inventory_take(w->objects, &w->all, e) < 0 ||
		object_each_named(w->f->store, w->objects, object_check, w, e) < 0)
		return -1;
	if (!w->suspects.n && !orphans_count(w))
		return 0;
	w->looked_twice = true;
	inventory_sort(&w->suspects);
	return inventory_take(w->objects, &w->again, e) < 0
		       ? -1
		       : object_each_named(w->f->store, w->objects, object_check_again, w, e);
}

static void walk_say(const struct object_walk *w)
{
	int64_t orphans = orphans_count(w);

	if (w->bad)
		doctor_say(w->r, DOCTOR_FAIL, "%" PRId64 " in all are missing or damaged", w->bad);
	doctor_say(w->r, DOCTOR_PASS, "%" PRId64 " objects%s", w->named,
		w->f->verify_objects ? ", all of them read" : ", sizes alone");
	if (orphans)
		doctor_say(w->r, DOCTOR_WARN, "%" PRId64 " objects that no row names", orphans);
}

void check_objects(const struct coordinator_facts *f, struct doctor_row *r)
{
	struct err e = { 0 };
	CLEAN_OBJECTS struct objects *objects = objects_open_published(f->config.data_dir, &e);
	struct object_walk w = { .f = f, .r = r, .objects = objects };

	if (objects && objects_far(objects) && f->offline)
		doctor_unproved(r, "they are in a bucket, which was not asked (--offline)");
	else if (walk_all(&w, &e) < 0)
		doctor_unproved(r, "%s", e.text);
	else
		walk_say(&w);
	inventory_release(&w.all);
	inventory_release(&w.again);
	inventory_release(&w.suspects);
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
