/*
 * Files and directories. Everything opens O_CLOEXEC. Paths that come from a job are opened beneath
 * a held directory descriptor with RESOLVE_BENEATH|NO_SYMLINKS, never by absolute name.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Whole file into out (bounded by out->max: ERR_LIMIT). "-" is not special. */
int file_read(const char *path, struct buf *out, struct err *e) CHECK_RESULT;
/* Opens to read what an operator named, such as "the private key" (what). A path that leads to
 * nothing that this process may read is ERR_INPUT, with the remedy: no second try makes it right.
 * Never waits for a pipe's other end. */
int file_open_named(const char *path, const char *what, struct err *e) CHECK_RESULT;
/* The same and whole, of a secret, which must be a file that only its owner and group can read:
 * else ERR_INPUT. Wipe out. */
int file_read_private(
	const char *path, const char *what, struct buf *out, struct err *e) CHECK_RESULT;
int fd_read_all(int fd, struct buf *out, struct err *e) CHECK_RESULT;
int fd_write_all(int fd, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* Temp file in the same directory (O_EXCL, mode), write, fsync, rename over path, fsync the
 * directory: readers see the old or the new content, also after power loss. */
int file_replace(
	const char *path, const void *p, size_t n, mode_t mode, struct err *e) CHECK_RESULT;

/* Creates one directory; an existing one is fine if it is a real directory (no symlink). */
int dir_ensure(const char *path, mode_t mode, struct err *e) CHECK_RESULT;
/* The same with parents (parents get 0755). */
int dir_ensure_parents(const char *path, mode_t mode, struct err *e) CHECK_RESULT;
/* O_PATH|O_DIRECTORY|O_NOFOLLOW descriptor or -1. */
int dir_open(const char *path, struct err *e) CHECK_RESULT;
/* Nobody but root and us can change what is in the folder: ERR_CONFLICT when it belongs to another
 * user, or others may write to it. path only names it. */
int dir_check_own(int fd, const char *path, struct err *e) CHECK_RESULT;
/* openat2 with RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS. mode only for O_CREAT. */
int open_beneath(int dirfd, const char *path, int flags, mode_t mode, struct err *e) CHECK_RESULT;
/* Makes the folders of a relative path below dirfd, one component at a time, following no link; an
 * O_PATH descriptor of the last one. "." and empty components are skipped, ".." is the caller's to
 * refuse (and cannot leave dirfd). */
int dir_ensure_beneath(int dirfd, const char *path, mode_t mode, struct err *e) CHECK_RESULT;
/* Deletes everything below and including dirfd/name: descriptor-relative, never follows links,
 * never crosses a mount, chmods own 0-mode directories. Counts what could not be removed in
 * *ret_left. */
int tree_remove(int dirfd, const char *name, uint64_t *ret_left, struct err *e) CHECK_RESULT;

/* Owner and group of the folder that holds path. */
int folder_owner(const char *path, uid_t *ret_uid, gid_t *ret_gid, struct err *e) CHECK_RESULT;
/* What root made in somebody's folder becomes that one's, who could not use it otherwise: fd is an
 * empty file or a folder at path. Nothing for others than root. */
int fd_give_to_folder(int fd, const char *path, struct err *e) CHECK_RESULT;
/* Exclusive flock on path (created 0600, for the folder's owner when root asks); fd that holds it,
 * or -1 with ERR_CONFLICT if held. */
int lock_file(const char *path, struct err *e) CHECK_RESULT;
char *path_join(const char *dir, const char *name) CHECK_RESULT;
/* True if path is relative, non-empty-component clean: no "..", no leading '/', no NUL. "." ok,
 * one slash at the end too. */
bool path_is_inside(const char *path);

#endif
