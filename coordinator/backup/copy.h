/*
 * Files of a data folder into a backup. Files that are never changed in place (objects; git's
 * objects and packs) become hard links where the backup is on the same file system, everything else
 * a copy; folders 0700, copies 0600. What is there already is left as it is. Each file that was
 * taken is hashed and written to the manifest.
 */
#ifndef COORDINATOR_BACKUP_COPY_H
#define COORDINATOR_BACKUP_COPY_H

#include "coordinator/backup/manifest.h"

struct backup {
	const char *from, *to; /* the data folder, the backup */
	const char *objects;   /* the folder that is "objects" in the backup; NULL: that of from */
	struct manifest_writer *manifest;
	int64_t vanished; /* files that went away between their listing and their copy */
	int64_t linked;   /* files that are hard links */
};

/* path: below both folders. A file that is not there counts as vanished. */
int backup_file(struct backup *b, const char *path, bool link, struct err *e) CHECK_RESULT;
/* A folder with all that is below it, but for names that `skip` (NULL: none) refuses. One that is
 * not there is fine. */
int backup_tree(struct backup *b, const char *path, bool link,
	bool (*skip)(const char *path, const char *name), struct err *e) CHECK_RESULT;
/* One folder, without what is in it, and those that lead to it. */
int backup_folder(struct backup *b, const char *path, struct err *e) CHECK_RESULT;
/* A bare repository into which somebody may push meanwhile. */
int backup_repository(struct backup *b, const char *path, struct err *e) CHECK_RESULT;

/* Hashes a file that is in the backup already, into the manifest. */
int backup_enter(struct backup *b, const char *path, const char *full, struct err *e) CHECK_RESULT;

/* Copies one file (0600, or its own mode without the others' rights) and hashes it. O_EXCL. */
int file_copy_hashed(const char *from, const char *to, int64_t *ret_size,
	char ret_sha256[SHA256_HEX_MAX], struct err *e) CHECK_RESULT;

#endif
