/*
 * What the disk guard may delete, one candidate each, and the reasons to keep one. Reads only, but
 * for the lease that guard_item_claim takes; examining takes none. Used by guard.c alone.
 */
#ifndef HYGIENE_DISK_GUARD_ITEM_H
#define HYGIENE_DISK_GUARD_ITEM_H

#include "hygiene/disk/guard.h"
#include "hygiene/workdir/workdir.h"

struct guard_item {
	char *path;  /* for people and records */
	char *run;   /* its folder in the root; NULL: of the state directory */
	char *entry; /* name in parent */
	char *lease; /* NULL: none covers it */
	int parent;
	size_t fs;        /* of guard_result */
	const char *keep; /* why it stays; NULL: it may go */
	char *detail;
	/* measured */
	bool known;
	uint64_t bytes, ino;
	int64_t newest_us, ctime_us;
};
struct guard_items {
	struct guard_item *v;
	size_t n;
};
void guard_items_release(struct guard_items *l);

/* All of the root and the state directory; fs[0] is the root's, state_fs the state directory's. */
int guard_items_collect(const struct guard_spec *spec, const struct workdir_host *host,
	size_t state_fs, struct guard_items *ret, struct err *e) CHECK_RESULT;
/* Examines one: sets keep or what it measured. */
void guard_item_examine(
	struct guard_item *it, const struct guard_spec *spec, const struct guard_fs *fs);
/* Takes the lease and checks that it is still what was examined; else sets keep. */
int guard_item_claim(
	struct guard_item *it, const struct guard_spec *spec, struct lease *ret) CHECK_RESULT;
int64_t guard_item_age(const struct guard_item *it, const struct guard_spec *spec);
/* Bytes that name takes below the item's folder; 0: it is gone. */
uint64_t guard_item_bytes(const struct guard_item *it, const char *name);
/* The oldest first. */
void guard_items_sort(struct guard_items *l);

#endif
