/*
 * Objects as files below one folder, under their keys. A file is written in <folder>/tmp and
 * renamed when it is whole and synced: readers see the old or the new one or none, what ends in the
 * middle leaves nothing. Whatever a key comes from, one that is none of ours (key.h) is ERR_INPUT.
 * Any thread.
 */
#ifndef COORDINATOR_OBJECT_FILES_H
#define COORDINATOR_OBJECT_FILES_H

#include "base/err.h"

struct files {
	char *folder;
};
void files_init(struct files *f, const char *folder); /* it need not be there */
void files_release(struct files *f);
int files_make(const struct files *f, struct err *e) CHECK_RESULT; /* the folder; it may be there */
/* Removes what a crash left in the middle of writing: files of our names to
 * which nothing was added for six hours, as others may write here, too. */
int files_sweep(const struct files *f, struct err *e) CHECK_RESULT;

/* A new file in tmp, open for reading and writing, and its path; remove or put it. */
int files_temp(const struct files *f, char **ret_path, struct err *e) CHECK_RESULT;
/* Moves a file that is synced into its place. */
int files_put(const struct files *f, const char *temp, const char *key, struct err *e) CHECK_RESULT;
/* Descriptor to read from, or -1 with ERR_NOT_FOUND. */
int files_get(
	const struct files *f, const char *key, int64_t *ret_size, struct err *e) CHECK_RESULT;
/* One that is not there is fine; folders that become empty go too. */
int files_delete(const struct files *f, const char *key, struct err *e) CHECK_RESULT;
/* A folder with all that is below it. */
int files_delete_tree(const struct files *f, const char *key, struct err *e) CHECK_RESULT;
/* Every object that is there, in no order; fn's -1 ends it and is returned. */
typedef int (*object_seen_fn)(void *data, const char *key, int64_t size, struct err *e);
int files_each(const struct files *f, object_seen_fn fn, void *data, struct err *e) CHECK_RESULT;

#endif
