/*
 * What a tree takes on the disk, and what of it could be deleted. Whether an entry may be removed
 * depends on the folder that it is in, not on the entry. An inode with several names counts once,
 * for whichever thread meets it first.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/tree/walk.h"

enum walk_removal walk_removal(
	const struct walk_who *who, const struct walk_entry *ent, const struct walk_entry *parent)
{
	if (ent->mount)
		return WALK_MOUNT;
	if (ent->fixed || (parent && parent->fixed))
		return WALK_FIXED;
	if (!parent || who->capable)
		return WALK_REMOVABLE;
	bool own = parent->uid == who->uid;
	unsigned bits = own                       ? parent->mode >> 6
			: parent->gid == who->gid ? parent->mode >> 3
						  : parent->mode;
	if ((bits & 7) != 7) /* list, change and pass */
		return own ? WALK_LOCKED : WALK_FOREIGN;
	if ((parent->mode & S_ISVTX) && !own && ent->uid != who->uid)
		return WALK_STICKY;
	return WALK_REMOVABLE;
}

/* Inodes with several names: open addressing, kept at most half full. */
struct link {
	uint64_t dev, ino; /* ino 0: free */
};
struct walk_links {
	pthread_mutex_t lock;
	struct link *v;
	size_t n, cap; /* cap: a power of two */
	bool zero;     /* inode 0 was met */
};

struct walk_links *walk_links_new(void)
{
	struct walk_links *l = xcalloc(1, sizeof(*l));

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

void walk_links_free(struct walk_links *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l->v);
	free(l);
}

static struct link *find(const struct walk_links *l, uint64_t dev, uint64_t ino)
{
	uint64_t at = (ino * UINT64_C(0x9e3779b97f4a7c15)) ^ dev;

	for (at ^= at >> 32;; at++) {
		struct link *k = &l->v[at & (l->cap - 1)];

		if (k->ino == 0 || (k->ino == ino && k->dev == dev))
			return k;
	}
}

static void grow(struct walk_links *l)
{
	struct walk_links old = *l;

	l->cap = old.cap ? old.cap * 2 : 256;
	l->v = xcalloc(l->cap, sizeof(*l->v));
	for (size_t i = 0; i < old.cap; i++)
		if (old.v[i].ino)
			*find(l, old.v[i].dev, old.v[i].ino) = old.v[i];
	free(old.v);
}

static bool first_locked(struct walk_links *l, uint64_t dev, uint64_t ino)
{
	bool first;

	if (ino == 0) {
		first = !l->zero;
		l->zero = true;
		return first;
	}
	if (l->n * 2 >= l->cap)
		grow(l);
	struct link *k = find(l, dev, ino);
	first = k->ino == 0;
	*k = (struct link){ dev, ino };
	l->n += first;
	return first;
}

bool walk_links_first(struct walk_links *l, const struct walk_entry *ent)
{
	bool first;

	if (ent->nlink < 2 || ent->type == DT_DIR)
		return true;
	pthread_mutex_lock(&l->lock);
	first = first_locked(l, ent->dev, ent->ino);
	pthread_mutex_unlock(&l->lock);
	return first;
}

void walk_usage_add(struct walk_usage *u, struct walk_links *l, const struct walk_entry *ent)
{
	if (ent->event == WALK_LEAVE)
		return;
	if (ent->event == WALK_BLIND) {
		u->blind++;
		if (ent->entered || !ent->known || ent->mount)
			return; /* counted when it was entered, or not of this tree */
	}
	u->entries++;
	u->directories += ent->type == DT_DIR;
	if (ent->mtime_us > u->newest_us)
		u->newest_us = ent->mtime_us;
	if (walk_links_first(l, ent)) {
		u->apparent += ent->size;
		u->allocated += ent->allocated;
	}
}

void walk_usage_sum(struct walk_usage *into, const struct walk_usage *part)
{
	into->entries += part->entries;
	into->directories += part->directories;
	into->apparent += part->apparent;
	into->allocated += part->allocated;
	into->blind += part->blind;
	if (part->newest_us > into->newest_us)
		into->newest_us = part->newest_us;
}

struct tally {
	struct walk_usage usage;
	struct walk_links *links;
};

static enum walk_verdict count(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct tally *t = data;

	(void)w;
	walk_usage_add(&t->usage, t->links, ent);
	return WALK_ON;
}

int walk_usage(int dirfd, const char *name, unsigned threads, struct walk_usage *ret, struct err *e)
{
	struct walk_links *links = walk_links_new();
	struct tally t[WALK_THREADS_MAX];
	void *data[WALK_THREADS_MAX];
	struct walk_usage sum = { 0 };
	int rc;

	for (size_t i = 0; i < WALK_THREADS_MAX; i++) {
		t[i] = (struct tally){ .links = links };
		data[i] = &t[i];
	}
	rc = threads > 1 ? walk_tree_shared(dirfd, name, count, data, threads, e)
			 : walk_tree(dirfd, name, count, data[0], e);
	for (size_t i = 0; i < WALK_THREADS_MAX; i++)
		walk_usage_sum(&sum, &t[i].usage);
	walk_links_free(links);
	if (rc == 0)
		*ret = sum;
	return rc;
}
