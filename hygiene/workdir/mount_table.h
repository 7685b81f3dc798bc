/*
 * The mounts that one process sees, from /proc/<pid>/mountinfo, and where a path of that process
 * really is: device of the file system and path inside it. Two processes in different mount
 * namespaces name one folder in different ways; its place is the same. Owned by the caller. The
 * reader reads one file; the rest is pure.
 */
#ifndef HYGIENE_WORKDIR_MOUNT_TABLE_H
#define HYGIENE_WORKDIR_MOUNT_TABLE_H

#include "base/err.h"

/* Of a file or folder. path is absolute, "/" for the file system's root. */
struct mount_place {
	char *dev; /* "8:1" */
	char *path;
};
void mount_place_release(struct mount_place *p);
/* a is b, or below it. */
bool mount_place_within(const struct mount_place *a, const struct mount_place *b);

struct mount_entry {
	struct mount_place root; /* what is mounted */
	char *point;             /* where the process sees it */
};
struct mount_table {
	struct mount_entry *v; /* later ones cover earlier ones */
	size_t n;
};
/* name: a process id or "self". -1: gone, or not ours to read. */
int mount_table_read(struct mount_table *t, const char *name, struct err *e) CHECK_RESULT;
void mount_table_parse(struct mount_table *t, const char *mountinfo);
void mount_table_release(struct mount_table *t);
/* -1: no mount of the table holds the path. */
int mount_table_locate(
	const struct mount_table *t, const char *path, struct mount_place *ret) CHECK_RESULT;
/* Has the same root at the same point. */
bool mount_table_has(const struct mount_table *t, const struct mount_entry *m);

#endif
