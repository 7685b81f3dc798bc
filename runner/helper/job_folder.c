/*
 * Until the folder itself is handed over, which comes last, nobody but the janitor can write to it,
 * so nothing can be exchanged between two calls.
 */
#include "runner/helper/job_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/step_box.h"

char *job_folder_path(const char *root, int64_t run, int64_t job, const char *part)
{
	return xasprintf("%s/%" PRId64 "/%" PRId64 "%s%s", root, run, job, part ? "/" : "",
		part ? part : "");
}

/* safe: the descriptor is of a folder made by us, in a folder that only we can write. */
static int hand_over(int dir, const char *name, uid_t uid, gid_t gid, struct err *e)
{
	if ((uid == geteuid() && gid == getegid()) || fchown(dir, uid, gid) == 0)
		return 0;
	return err_set_errno(
		e, errno, "hand %s to %" PRId64 ":%" PRId64, name, (int64_t)uid, (int64_t)gid);
}

static int make_part(int parent, const char *name, uid_t uid, gid_t gid, struct err *e)
{
	CLEAN_FD int dir = -1;

	if (mkdirat(parent, name, 0700) < 0)
		return err_set_errno(e, errno, "create %s", name);
	dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_set_errno(e, errno, "open %s", name);
	return hand_over(dir, name, uid, gid, e);
}

int job_folder_fill(int dir, uid_t uid, gid_t gid, struct err *e)
{
	if (make_part(dir, JOB_FOLDER_WORKSPACE, uid, gid, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(box_own_folders); i++)
		if (make_part(dir, box_own_folders[i].name, uid, gid, e) < 0)
			return -1;
	return hand_over(dir, "the job folder", uid, gid, e);
}
