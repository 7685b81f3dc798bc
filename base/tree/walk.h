/*
 * Reads a file tree that somebody else made, perhaps to hurt, without changing it. The walk
 * goes from descriptor to descriptor (openat2, no links, no mounts, one st_dev), knows any names
 * and any depth (no recursion, a bounded number of open directories, at most LIMIT_WALK_DEPTH
 * levels), and hands every entry to a visitor the moment it was read: nothing is collected but
 * the names of directories that still wait. Deleting is tree_remove (base/fs.h).
 *
 * What cannot be read or entered is an event like any other (WALK_BLIND), never silence: a walk
 * that saw all and a walk that did not differ.
 *
 *	static enum walk_verdict visit(struct walk *w, const struct walk_entry *ent, void *data)
 *	…
 *	walk_tree(dirfd, "name", visit, &mine, &e);
 */
#ifndef BASE_TREE_WALK_H
#define BASE_TREE_WALK_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum walk_event {
	WALK_FILE,  /* anything that is no directory; links are never followed */
	WALK_ENTER, /* a directory, before what is in it */
	WALK_LEAVE, /* the same one, after all that is below it */
	WALK_BLIND, /* errnum: could not be read, or not entered (then no ENTER and LEAVE): EXDEV
		       a mount point, EACCES, ELOOP too deep, ESTALE moved away meanwhile */
};

struct walk_entry {
	enum walk_event event;
	int errnum;       /* WALK_BLIND */
	bool entered;     /* WALK_BLIND between ENTER and LEAVE */
	const char *name; /* last component, any bytes; of the root as it was given */
	int dirfd; /* where name is; -1 in a WALK_LEAVE whose directory was closed meanwhile */
	int fd;    /* WALK_ENTER: the directory itself, O_RDONLY; else -1 */
	const struct walk_entry *parent; /* its directory; NULL for the root */
	unsigned depth;                  /* 0: the root */
	unsigned char type;              /* DT_DIR, DT_REG, DT_LNK, … as <dirent.h> */
	bool known;                      /* what follows was read; else (WALK_BLIND) all zero */
	bool fixed;                      /* immutable or append-only attribute */
	bool mount;                      /* something is mounted here */
	uint32_t mode;                   /* with the type bits, as st_mode */
	uint32_t uid, gid, nlink;
	uint64_t ino, dev;
	uint64_t size, allocated;   /* bytes */
	int64_t mtime_us, ctime_us; /* microseconds since 1970 */
};

enum walk_verdict {
	WALK_ON,
	WALK_SKIP,  /* in WALK_ENTER: not into this one; WALK_LEAVE comes at once */
	WALK_AGAIN, /* in WALK_BLIND: the visitor cured it (chmod), read it once more; else as ON */
	WALK_STOP,  /* the whole walk ends; walk_tree returns 0 */
};

struct walk;
typedef enum walk_verdict (*walk_fn)(struct walk *w, const struct walk_entry *ent, void *data);

/* The path of the entry that is being visited, relative to the root ("." for the root itself);
 * raw bytes, cut at out->max. Only inside the visitor. */
void walk_path(const struct walk *w, struct buf *out);

/* Walks dirfd/name (one component, or "." for dirfd itself); the root may be a mount point or no
 * directory at all. 0 also when some visits were blind; -1 when there is nothing to visit. */
int walk_tree(int dirfd, const char *name, walk_fn visit, void *data, struct err *e) CHECK_RESULT;

enum { WALK_THREADS_MAX = 4 };
/* The same by up to n threads, each with data of its own (data[i]), which the caller adds up. The
 * order between threads is open: WALK_LEAVE may come before all that is below was visited, and
 * parents may be visited by another thread. Not for processes with a seccomp filter against threads
 * or an event loop that must not wait. */
int walk_tree_shared(int dirfd, const char *name, walk_fn visit, void *const *data, size_t n,
	struct err *e) CHECK_RESULT;

/* Could this user delete the entry from its directory? Facts of the kernel: the entry's own owner
 * and mode do not matter, those of the directory above do. Groups beside gid and ACLs are not
 * known here. */
struct walk_who {
	uid_t uid;
	gid_t gid;
	bool capable; /* CAP_DAC_OVERRIDE and CAP_FOWNER: the janitor, root */
};
enum walk_removal {
	WALK_REMOVABLE,
	WALK_LOCKED,  /* its directory is the user's own and lacks owner bits: a chmod cures it */
	WALK_FOREIGN, /* its directory belongs to somebody else and is not writable */
	WALK_STICKY,  /* somebody else's entry in somebody else's sticky directory */
	WALK_FIXED,   /* it or its directory is immutable or append-only */
	WALK_MOUNT,   /* a mount point */
};
/* parent NULL (the root, whose directory was not read): only what the entry itself tells. */
enum walk_removal walk_removal(
	const struct walk_who *who, const struct walk_entry *ent, const struct walk_entry *parent);

/* What a tree takes on its disk. A file with several names counts once, as du does. */
struct walk_usage {
	uint64_t entries, directories; /* entries: all, with directories and the root */
	uint64_t apparent, allocated;  /* bytes; directories count too */
	uint64_t blind;                /* not read or not entered: the numbers are lower bounds */
	int64_t newest_us;             /* latest mtime of all; 0: nothing */
};
/* threads 1..WALK_THREADS_MAX; -1 when there is no such entry. */
int walk_usage(int dirfd, const char *name, unsigned threads, struct walk_usage *ret,
	struct err *e) CHECK_RESULT;

/* For visitors that add up themselves: files with several names that were met before. One may be
 * shared by all threads of a walk. */
struct walk_links;
struct walk_links *walk_links_new(void);
void walk_links_free(struct walk_links *l); /* NULL fine */
/* True the first time an entry is asked about (always true with one name only). */
bool walk_links_first(struct walk_links *l, const struct walk_entry *ent);
void walk_usage_add(struct walk_usage *u, struct walk_links *l, const struct walk_entry *ent);
void walk_usage_sum(struct walk_usage *into, const struct walk_usage *part);

#endif
