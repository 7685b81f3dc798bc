/*
 * One walk finds everything: owners, what cannot be deleted, sizes, age. Up to four threads share
 * it; each adds to findings of its own, which are summed at the end, so no lock is taken per entry.
 */
#include "hygiene/workdir/audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PROGRESS_STEP = 4096 }; /* entries of one thread */

struct auditor {
	const struct workdir_host *host;
	const struct workdir_audit_spec *spec;
	const struct walk_entry *above; /* the folder that holds the workspace */
	struct walk_links *links;
	struct walk_usage usage;
	struct findings findings;
	pid_t user; /* of something in it; 0: none was met */
};

const char *workdir_status_name(enum workdir_status s)
{
	static const char *const names[] = { "clean", "stale", "contaminated", "unknown", "busy" };

	return names[s];
}

static bool is_locked_own(const struct auditor *a, const struct walk_entry *ent)
{
	return ent->known && ent->type == DT_DIR && !a->host->who.capable &&
	       ent->uid == a->host->who.uid && (ent->mode & 0700) != 0700;
}

/* An empty directory hinders nobody, whatever its mode. */
static bool is_empty(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	bool empty = d != NULL;

	if (!d)
		close_fdp(&fd);
	for (struct dirent *ent; d && empty && (ent = readdir(d));)
		empty = str_eq(ent->d_name, ".") || str_eq(ent->d_name, "..");
	if (d)
		closedir(d);
	return empty;
}

static void judge_blind(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	if (ent->errnum == EXDEV) {
		findings_visit(&a->findings, FINDING_MOUNT_INSIDE, FINDING_BLOCKING, w, ent);
		return;
	}
	if (is_locked_own(a, ent))
		findings_visit(&a->findings, FINDING_DIR_NOT_WRITABLE, FINDING_CURABLE, w, ent);
	findings_visit(&a->findings, FINDING_UNREADABLE, FINDING_UNSEEN, w, ent);
}

/* True when what hinders was told; an owner that is not expected then needs no second word. */
static bool judge_removal(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	const struct walk_entry *above = ent->parent ? ent->parent : a->above;
	enum finding_code code;

	switch (walk_removal(&a->host->who, ent, above)) {
	case WALK_FOREIGN:
		code = above->uid == 0 ? FINDING_ROOT_OWNED : FINDING_WRONG_OWNER;
		break;
	case WALK_STICKY:
		code = FINDING_STICKY_FOREIGN;
		break;
	case WALK_FIXED:
		code = FINDING_IMMUTABLE;
		break;
	case WALK_MOUNT:
		code = FINDING_MOUNT_INSIDE;
		break;
	case WALK_LOCKED:
		if (ent->depth == 0) /* no visit tells what is above the workspace */
			findings_add(
				&a->findings, FINDING_DIR_NOT_WRITABLE, FINDING_CURABLE, 0, "..");
		return false; /* below it, it is told once, at the directory */
	default:
		return false;
	}
	findings_visit(&a->findings, code, FINDING_BLOCKING, w, ent);
	return true;
}

static void judge_entry(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	bool told = judge_removal(a, w, ent);

	if (!told && !workdir_uids_have(&a->host->owners, ent->uid))
		findings_visit(&a->findings,
			ent->uid == 0 ? FINDING_ROOT_OWNED : FINDING_WRONG_OWNER, FINDING_NOTE, w,
			ent);
	if (ent->event == WALK_ENTER && is_locked_own(a, ent) && !is_empty(ent->fd))
		findings_visit(&a->findings, FINDING_DIR_NOT_WRITABLE, FINDING_CURABLE, w, ent);
	if (ent->type == DT_REG && !(ent->mode & 0200))
		findings_visit(&a->findings, FINDING_FILE_READ_ONLY, FINDING_NOTE, w, ent);
}

static enum walk_verdict audit_entry(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct auditor *a = data;

	if (ent->event == WALK_LEAVE)
		return WALK_ON;
	walk_usage_add(&a->usage, a->links, ent);
	if (!a->user && ent->known)
		a->user = in_use_inode(a->spec->in_use, ent->dev, ent->ino);
	if (a->spec->progress && a->usage.entries % PROGRESS_STEP == 0)
		a->spec->progress(a->spec->progress_data, PROGRESS_STEP);
	if (ent->event == WALK_BLIND)
		judge_blind(a, w, ent);
	else if (ent->depth == 0 && ent->type == DT_LNK)
		findings_visit(&a->findings, FINDING_SYMLINK_ROOT, FINDING_BLOCKING, w, ent);
	else
		judge_entry(a, w, ent);
	return WALK_ON;
}

static int walk_all(struct workdir_audit *ret, const struct workdir *w,
	const struct workdir_audit_spec *spec, pid_t *ret_user, struct err *e)
{
	struct walk_links *links = walk_links_new();
	struct walk_entry above = { 0 };
	struct auditor a[WALK_THREADS_MAX];
	void *data[WALK_THREADS_MAX];

	int parent CLEAN_FD = workdir_open_parent(w, e);
	int rc = -1;

	for (size_t i = 0; i < WALK_THREADS_MAX; i++) {
		a[i] = (struct auditor){
			.host = w->host, .spec = spec, .above = &above, .links = links
		};
		data[i] = &a[i];
	}
	if (parent >= 0 && workdir_facts(parent, &above, e) == 0)
		rc = walk_tree_shared(parent, w->entry, audit_entry, data, spec->threads, e);
	for (size_t i = 0; i < WALK_THREADS_MAX; i++) {
		walk_usage_sum(&ret->usage, &a[i].usage);
		findings_sum(&ret->findings, &a[i].findings);
		*ret_user = a[i].user ? a[i].user : *ret_user;
	}
	walk_links_free(links);
	return rc;
}

static enum workdir_status status_of(const struct workdir_audit *a)
{
	if (a->use == WORKDIR_BUSY)
		return WORKDIR_IN_USE;
	if (a->findings.of[FINDING_UNREADABLE].count)
		return WORKDIR_NOT_KNOWN;
	if (findings_worst(&a->findings) > FINDING_UNSEEN)
		return WORKDIR_CONTAMINATED;
	return a->findings.of[FINDING_STALE].count ? WORKDIR_STALE : WORKDIR_CLEAN;
}

int workdir_audit(struct workdir_audit *ret, const struct workdir *w,
	const struct workdir_audit_spec *spec, struct err *e)
{
	pid_t user = 0;

	*ret = (struct workdir_audit){ .dir = w };
	if (walk_all(ret, w, spec, &user, e) < 0) {
		workdir_audit_release(ret);
		return -1;
	}
	ret->use = workdir_in_use(w, spec->in_use, spec->claimed, user, &ret->busy_why);
	if (spec->stale_after_us && ret->use != WORKDIR_BUSY &&
		spec->now.us - ret->usage.newest_us > spec->stale_after_us)
		findings_add(&ret->findings, FINDING_STALE, FINDING_NOTE, 0, ".");
	ret->status = status_of(ret);
	return 0;
}

void workdir_audit_release(struct workdir_audit *a)
{
	free_charp(&a->busy_why);
	findings_release(&a->findings);
}
