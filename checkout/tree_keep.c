/*
 * Steps may have written here since the last checkout, also to the index: it is read as hostile.
 * Each path is opened beneath the folder without following links, and what is no longer what the
 * checkout wrote stays.
 */
#include "checkout/tree_keep.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "checkout/tree_judge.h"

/* The folders above path that are empty now, deepest first. */
static void remove_empty(int dirfd, char *path)
{
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		*slash = '\0';
		CLEAN_STR char *up = xstrdup(path);
		char *cut = strrchr(up, '/');
		const char *name = cut ? cut + 1 : up;
		if (cut)
			*cut = '\0';
		CLEAN_FD int parent =
			open_beneath(dirfd, cut ? up : ".", O_PATH | O_DIRECTORY, 0, NULL);
		if (parent < 0 || unlinkat(parent, name, AT_REMOVEDIR) < 0)
			return;
	}
}

static void remove_entry(int dirfd, const char *path)
{
	CLEAN_STR char *copy = xstrdup(path);
	char *slash = strrchr(copy, '/');
	const char *name = slash ? slash + 1 : copy;

	if (!path_is_inside(path))
		return;
	if (slash)
		*slash = '\0';
	CLEAN_FD int parent =
		open_beneath(dirfd, slash ? copy : ".", O_PATH | O_DIRECTORY, 0, NULL);
	if (parent < 0)
		return; /* gone, or a link by now: then it is not what the checkout wrote */
	unlinkat(parent, name, 0);
	if (slash)
		*slash = '/';
	remove_empty(dirfd, copy);
}

static int remove_tracked(int dirfd, struct err *e)
{
	git_index *index = NULL;

	if (git_index_open(&index, ".git/index") < 0) {
		git_fail(e, "the index of the last checkout");
		return err_wrap(e, "clean: false");
	}
	for (size_t i = 0; i < git_index_entrycount(index); i++) {
		const git_index_entry *entry = git_index_get_byindex(index, i);

		if (entry->mode != GIT_FILEMODE_COMMIT) /* a submodule has its own .git */
			remove_entry(dirfd, entry->path);
	}
	git_index_free(index);
	return 0;
}

int tree_forget(struct err *e)
{
	CLEAN_FD int here = dir_open(".", e);
	struct stat st;
	uint64_t left = 0;

	if (here < 0)
		return -1;
	if (fstatat(here, ".git", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "read the state of .git");
	if (S_ISDIR(st.st_mode) && remove_tracked(here, e) < 0)
		return -1;
	if (tree_remove(here, ".git", &left, e) < 0)
		return -1;
	return left ? err_set(e, ERR_CONFLICT, "the old .git cannot be removed") : 0;
}
