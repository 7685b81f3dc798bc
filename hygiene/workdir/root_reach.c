/*
 * The answer comes from modes and not from a try as that user: doctor runs without the right to
 * become somebody else. Links are resolved first, as the folders of their target count.
 */
#include "hygiene/workdir/root_reach.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buf.h"

static bool may_pass(const struct stat *st, uid_t uid, gid_t gid)
{
	if (uid == 0)
		return true;
	if (st->st_uid == uid)
		return st->st_mode & S_IXUSR;
	return st->st_mode & (st->st_gid == gid ? S_IXGRP : S_IXOTH);
}

static int check_folder(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set_errno(e, errno, "workspace root: %s", path);
	if (may_pass(&st, uid, gid) || getxattr(path, "system.posix_acl_access", NULL, 0) > 0)
		return 0;
	return err_set(e, ERR_CONFLICT,
		"the step user %u cannot pass %s (mode %04o) on the way to the workspace root: "
		"chmod o+x %s, or choose another runner.workspace_root",
		(unsigned)uid, path, (unsigned)(st.st_mode & 07777), path);
}

/* The part of the path that exists, links resolved. */
static char *existing_part(const char *root)
{
	CLEAN_STR char *path = xstrdup(root);
	char *real;

	while (!(real = realpath(path, NULL)) && (errno == ENOENT || errno == ENOTDIR)) {
		char *slash = strrchr(path, '/');

		if (!slash || slash == path)
			return xstrdup("/");
		*slash = '\0';
	}
	return real;
}

int root_reach_check(const char *root, uid_t uid, gid_t gid, struct err *e)
{
	CLEAN_STR char *path = existing_part(root);

	if (!path)
		return err_set_errno(e, errno, "workspace root %s", root);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int rc;

		*slash = '\0';
		rc = check_folder(path, uid, gid, e);
		*slash = '/';
		if (rc < 0)
			return -1;
	}
	return check_folder(path, uid, gid, e);
}
