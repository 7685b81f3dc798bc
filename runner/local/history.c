/*
 * Fetched, not copied: a fetch brings nothing but commits, trees and files, and knows worktrees,
 * alternates and shallow repositories. The remote that the steps find is the one that the run is
 * called by, for what reads it; nothing can be fetched from it without a credential.
 */
#include "runner/local/history.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/tree/walk.h"
#include "runner/local/git.h"

#define FOLDER "history"
#define LIST_MAX MIB(64)

#define GIT(l, dir, e, ...) local_git_own(l, dir, (const char *const[]){ __VA_ARGS__, NULL }, e)

void local_history_remove(const char *state_dir)
{
	struct err ignored = { 0 };
	CLEAN_FD int dir = dir_open(state_dir, &ignored);
	uint64_t left;

	if (dir >= 0)
		IGNORE_RESULT(
			tree_remove(dir, FOLDER, &left, &ignored), "the next run removes it first");
}

/* ---- making ---- */

static const char *branch_of(const struct local_repo *r)
{
	return str_starts(r->ref, "refs/heads/") ? r->ref : NULL;
}

static int fetch(struct loop *l, const struct local_repo *r, const char *dir, struct err *e)
{
	CLEAN_STR char *depth = xasprintf("--depth=%d", LOCAL_HISTORY_COMMITS);
	CLEAN_STR char *spec =
		xasprintf("+HEAD:%s", branch_of(r) ? branch_of(r) : "refs/remotes/origin/HEAD");

	/* git was asked about this repository before and trusts it; settings of the environment
	 * that say so do not reach the other end of a fetch */
	return GIT(l, dir, e, "fetch", "-q", "--update-head-ok", "--no-recurse-submodules", depth,
		"--upload-pack=git -c safe.directory=* upload-pack", r->root, spec);
}

static int set_head(struct loop *l, const struct local_repo *r, const char *dir, struct err *e)
{
	if (branch_of(r))
		return GIT(l, dir, e, "symbolic-ref", "HEAD", branch_of(r));
	return GIT(l, dir, e, "update-ref", "--no-deref", "HEAD", r->sha);
}

static int set_remote(struct loop *l, const struct local_repo *r, const char *dir, struct err *e)
{
	if (str_starts(r->url, "http://localhost/")) /* made up: it has none */
		return 0;
	return GIT(l, dir, e, "remote", "add", "origin", r->url);
}

static int make(struct loop *l, const struct local_repo *r, const char *dir, struct err *e)
{
	CLEAN_STR char *came_from = path_join(dir, ".git/FETCH_HEAD");

	if (dir_ensure(dir, 0700, e) < 0 || GIT(l, dir, e, "init", "-q", "--template=") < 0 ||
		fetch(l, r, dir, e) < 0 || set_head(l, r, dir, e) < 0 ||
		GIT(l, dir, e, "read-tree", "HEAD") < 0 || set_remote(l, r, dir, e) < 0)
		return -1;
	return unlink(came_from) < 0 && errno != ENOENT ? err_set_errno(e, errno, "%s", came_from)
							: 0;
}

/* ---- listing ---- */

static enum walk_verdict add_path(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct buf *list = data;
	CLEAN_BUF struct buf path = BUF_INIT(KIB(8));

	if (ent->depth == 0 || (ent->event != WALK_FILE && ent->event != WALK_ENTER))
		return WALK_ON;
	walk_path(w, &path);
	buf_addf(list, "%s%s", buf_cstr(&path), ent->event == WALK_ENTER ? "/" : "");
	buf_addc(list, '\0');
	return WALK_ON;
}

static int open_it(struct local_repo *r, const char *dir, struct err *e)
{
	CLEAN_BUF struct buf list = BUF_INIT(LIST_MAX);

	r->history = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->history < 0)
		return err_set_errno(e, errno, "open %s", dir);
	if (walk_tree(r->history, ".", add_path, &list, e) < 0)
		return -1;
	if (!buf_ok(&list))
		return err_set(e, ERR_LIMIT, "more than %zu MiB of paths", LIST_MAX >> 20);
	r->history_files = local_repo_keep_list(&list, e);
	return r->history_files < 0 ? -1 : 0;
}

int local_history_make(struct loop *l, struct local_repo *r, const char *state_dir, struct err *e)
{
	CLEAN_STR char *dir = path_join(state_dir, FOLDER);

	local_history_remove(state_dir);
	if (str_eq(r->sha, EVENT_NO_COMMIT))
		return 0;
	if (make(l, r, dir, e) == 0 && open_it(r, dir, e) == 0)
		return 0;
	close_fdp(&r->history);
	return -1;
}
