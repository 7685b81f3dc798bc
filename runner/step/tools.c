/*
 * Later steps run what stands here, and under engine.user = "auto" every folder that a step can
 * write may hold links to anywhere on the host. So tools have a mount of their own that no step can
 * write, every folder is new (an existing one is an error), and everything goes by descriptor, one
 * name at a time.
 */
#include "runner/step/tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "engine/step_box.h"

/* The step user is neither owner nor group here and must be able to read. */
static int make_folder(int parent, const char *name, struct err *e)
{
	CLEAN_FD int fd = -1;

	if (mkdirat(parent, name, 0755) < 0)
		return err_set_errno(e, errno, "make folder of tools %s", name);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_set_errno(e, errno, "folder of tools %s", name);
	return TAKE_FD(fd);
}

int tools_make(
	const struct job_place *p, size_t step, const char *below, char **ret_inside, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	CLEAN_FD int dir = dir_open(p->tools, e);

	strv_addf(&names, "%zu", step);
	strv_split(&names, below, '/');
	strv_add(&names, "bin");
	for (size_t i = 0; i < names.n && dir >= 0; i++) {
		int next = make_folder(dir, names.v[i], e);

		close(dir);
		dir = next;
	}
	if (dir < 0)
		return -1;
	*ret_inside = xasprintf("%s/%zu/%s", BOX_TOOLS, step, below);
	return TAKE_FD(dir);
}

int tools_add_link(int dir, const char *name, const char *target, struct err *e)
{
	return symlinkat(target, dir, name) < 0 ? err_set_errno(e, errno, "link %s", name) : 0;
}

int tools_add_script(int dir, const char *name, const char *text, struct err *e)
{
	CLEAN_FD int fd =
		openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0700);

	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_set_errno(e, errno, "script %s", name);
	return fd_write_all(fd, text, strlen(text), e);
}
