/*
 * A project quota is a hard limit that the kernel keeps on the files of one project id: ext4 with
 * the features quota and project, XFS with the mount option prjquota. Unlike a walk of the tree it
 * cannot be evaded, and it counts files that were deleted while open. runner.project_ids gives each
 * slot an id; its workspace gets that id and hands it on to all that is made in it.
 *
 * Who may do what: limits need root (project_limit_all); the id of a directory may be set by its
 * owner (project_assign), so the seccomp profile refuses that to steps; reading needs nothing. A
 * project of a user namespace cannot be set at all.
 */
#ifndef HYGIENE_DISK_PROJECT_H
#define HYGIENE_DISK_PROJECT_H

#include "base/err.h"

struct project_use {
	uint64_t used, left; /* bytes */
	uint64_t files_left; /* inodes */
};

/* Limits n projects from first on to that many bytes, and to as many inodes as would be of 4 KiB
 * each, on the file system of root; where nothing stands yet, of the nearest folder above it. */
int project_limit_all(
	const char *root, int64_t first, int64_t n, uint64_t bytes, struct err *e) CHECK_RESULT;
/* What is made in the (empty) directory from now on is of the project, and so is the directory. */
int project_assign(int dir, uint32_t id, struct err *e) CHECK_RESULT;
/* A project that an older tree still fills would take the blame of it (ERR_CONFLICT), one without a
 * limit of at most `bytes` holds nothing. */
int project_require(int dir, uint64_t bytes, struct err *e) CHECK_RESULT;
/* The directory is of a project that is limited to at most `bytes`. */
bool project_limited(int dir, uint64_t bytes);
/* Of the project of such a directory; one call of the kernel. */
int project_measure(int dir, struct project_use *ret, struct err *e) CHECK_RESULT;
/* Tries all n ids from first on with a folder of a moment in root, as a janitor would. */
int project_check(
	const char *root, int64_t first, int64_t n, uint64_t bytes, struct err *e) CHECK_RESULT;

#endif
