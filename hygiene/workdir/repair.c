/*
 * Acts with the rights of the workspaces' owner: root only takes the owner's effective ids, so it
 * cannot do more than the runner could have done. Every change goes through a descriptor that is
 * proved to be the entry which was inspected.
 */
#include "hygiene/workdir/repair.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "hygiene/workdir/trash.h"

const char *const workdir_mode_words[] = { "unlock", "remove", NULL };

void workdir_repair_release(struct workdir_repair *r)
{
	free_charp(&r->first_left);
}

/* ---- whose rights ---- */

enum { GROUPS_MAX = 1024 };

/* Effective ids only: the process runs nothing of others, and has to write its evidence
 * afterwards. Leaving user 0 takes every capability out of effect until the return. */
struct rights {
	bool taken;
	gid_t gid;
	int n;
	gid_t groups[GROUPS_MAX];
};

static int take_rights(struct rights *r, const struct workdir_host *h, struct err *e)
{
	gid_t gid = h->who.gid == (gid_t)-1 ? 65534 : h->who.gid;

	r->taken = false;
	if (geteuid() != 0 || h->who.capable)
		return 0;
	r->gid = getegid();
	r->n = getgroups(GROUPS_MAX, r->groups);
	if (r->n < 0 || setgroups(0, NULL) < 0 || setegid(gid) < 0 || seteuid(h->who.uid) < 0)
		return err_set_errno(e, errno, "act as user %u", (unsigned)h->who.uid);
	r->taken = true;
	return 0;
}

static void give_back(const struct rights *r)
{
	if (!r->taken)
		return;
	if (seteuid(0) < 0 || setegid(r->gid) < 0 || setgroups((size_t)r->n, r->groups) < 0)
		BUG("cannot return to user 0");
}

/* ---- unlock ---- */

struct unlocker {
	const struct workdir_host *host;
	bool preview;
	struct workdir_repair *r;
};

static bool is_own(const struct unlocker *u, const struct walk_entry *ent)
{
	return ent->known && (u->host->who.capable ? workdir_uids_have(&u->host->owners, ent->uid)
						   : ent->uid == u->host->who.uid);
}

/* Through a descriptor that is proved to be the entry which was inspected: by name a link put there
 * meanwhile would be followed. */
static int add_mode(const struct walk_entry *ent, mode_t bits)
{
	int fd CLEAN_FD = openat(ent->dirfd, ent->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char link[64];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_ino != ent->ino || st.st_dev != ent->dev || st.st_uid != ent->uid) {
		errno = ESTALE;
		return -1;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, (st.st_mode & 07777) | bits);
}

static bool change(struct unlocker *u, const struct walk_entry *ent, mode_t bits, uint64_t *count)
{
	if (!u->preview && add_mode(ent, bits) < 0) {
		u->r->failed++;
		return false;
	}
	*count += 1;
	return !u->preview;
}

static enum walk_verdict unlock_entry(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct unlocker *u = data;
	bool dir = ent->type == DT_DIR;
	mode_t bits = dir ? 0700 : 0600;

	(void)w;
	if (ent->event == WALK_LEAVE || ent->entered || !is_own(u, ent) || ent->mount ||
		(ent->mode & bits) == bits || (!dir && ent->type != DT_REG))
		return WALK_ON;
	if (!dir && ent->nlink > 1) {
		u->r->shared++;
		return WALK_ON;
	}
	bool changed = change(u, ent, bits, dir ? &u->r->directories : &u->r->files);
	return changed && ent->event == WALK_BLIND ? WALK_AGAIN : WALK_ON;
}

/* Without the owner's bits on the folder above, nothing in it can be renamed or deleted. */
static bool is_parent_locked(const struct workdir_host *h, int parent, mode_t *ret_mode)
{
	struct stat st;

	if (h->who.capable || fstat(parent, &st) < 0 || st.st_uid != h->who.uid)
		return false;
	*ret_mode = (st.st_mode & 07777) | 0700;
	return (st.st_mode & 0700) != 0700;
}

static void unlock_parent(
	const struct workdir *w, int parent, bool preview, struct workdir_repair *r)
{
	mode_t mode = 0;

	if (!is_parent_locked(w->host, parent, &mode))
		return;
	if (!preview && fchmod(parent, mode) < 0)
		r->failed++;
	else
		r->directories++;
}

int workdir_unlock(const struct workdir *w, bool preview, struct workdir_repair *ret, struct err *e)
{
	struct unlocker u = { .host = w->host, .preview = preview, .r = ret };
	CLEAN_FD int parent = workdir_open_parent(w, e);
	struct rights rights;
	int rc;

	*ret = (struct workdir_repair){ 0 };
	if (parent < 0 || take_rights(&rights, w->host, e) < 0)
		return -1;
	unlock_parent(w, parent, preview, ret);
	rc = walk_tree(parent, w->entry, unlock_entry, &u, e);
	give_back(&rights);
	return rc;
}

/* ---- remove ---- */

int workdir_set_aside(struct workdir *w, struct err *e)
{
	CLEAN_FD int parent = workdir_open_parent(w, e);
	struct rights rights;
	char *aside;

	if (parent < 0 || take_rights(&rights, w->host, e) < 0)
		return -1;
	aside = trash_move(parent, w->entry, e);
	give_back(&rights);
	if (!aside)
		return -1;
	free(w->entry);
	w->entry = aside;
	return 0;
}

int workdir_remove(const struct workdir *w, struct workdir_repair *ret, struct err *e)
{
	CLEAN_FD int parent = workdir_open_parent(w, e);
	struct rights rights;
	struct err reason = { 0 };

	*ret = (struct workdir_repair){ 0 };
	if (parent < 0 || take_rights(&rights, w->host, e) < 0)
		return -1;
	unlock_parent(w, parent, false, ret);
	if (tree_remove(parent, w->entry, &ret->left, &reason) < 0)
		ret->first_left = xstrdup(reason.text);
	give_back(&rights);
	/* the last workspace of a run takes the run's folder with it, as a janitor does */
	if (w->run && !ret->left)
		unlinkat(w->host->fd, w->run, AT_REMOVEDIR);
	return 0;
}
