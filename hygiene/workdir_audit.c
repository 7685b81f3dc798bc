/* See workdir_audit.h. */
#include "hygiene/workdir_audit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { PROGRESS_STEP = 4096 }; /* entries of one thread */

struct auditor {
	const struct workdir_host *host;
	const struct workdir_audit_spec *spec;
	struct walk_links *links;
	struct walk_usage usage;
	struct findings findings;
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

static void look_blind(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	if (ent->errnum == EXDEV) {
		findings_visit(&a->findings, FINDING_MOUNT_INSIDE, FINDING_BLOCKING, w, ent);
		return;
	}
	if (is_locked_own(a, ent))
		findings_visit(&a->findings, FINDING_DIR_NOT_WRITABLE, FINDING_CURABLE, w, ent);
	findings_visit(&a->findings, FINDING_UNREADABLE, FINDING_NOTE, w, ent);
}

/* True when what hinders was told; an owner that is not expected then needs no second word. */
static bool look_removal(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	const struct walk_entry *above = ent->parent ? ent->parent : &a->host->self;
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
	default: /* WALK_LOCKED is told once, at the directory */
		return false;
	}
	findings_visit(&a->findings, code, FINDING_BLOCKING, w, ent);
	return true;
}

static void look_entry(struct auditor *a, const struct walk *w, const struct walk_entry *ent)
{
	bool told = look_removal(a, w, ent);

	if (!told && !workdir_uids_have(&a->host->owners, ent->uid))
		findings_visit(&a->findings,
			ent->uid == 0 ? FINDING_ROOT_OWNED : FINDING_WRONG_OWNER, FINDING_NOTE, w,
			ent);
	if (ent->event == WALK_ENTER && is_locked_own(a, ent) && !is_empty(ent->fd))
		findings_visit(&a->findings, FINDING_DIR_NOT_WRITABLE, FINDING_CURABLE, w, ent);
	if (ent->type == DT_REG && !(ent->mode & 0200))
		findings_visit(&a->findings, FINDING_FILE_READ_ONLY, FINDING_NOTE, w, ent);
}

static enum walk_verdict look(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct auditor *a = data;

	if (ent->event == WALK_LEAVE)
		return WALK_ON;
	walk_usage_add(&a->usage, a->links, ent);
	if (a->spec->progress && a->usage.entries % PROGRESS_STEP == 0)
		a->spec->progress(a->spec->progress_data, PROGRESS_STEP);
	if (ent->event == WALK_BLIND)
		look_blind(a, w, ent);
	else if (ent->depth == 0 && ent->type == DT_LNK)
		findings_visit(&a->findings, FINDING_SYMLINK_ROOT, FINDING_BLOCKING, w, ent);
	else
		look_entry(a, w, ent);
	return WALK_ON;
}

static int walk_all(struct workdir_audit *ret, const struct workdir *w,
	const struct workdir_audit_spec *spec, struct err *e)
{
	struct walk_links *links = walk_links_new();
	struct auditor a[WALK_THREADS_MAX];
	void *data[WALK_THREADS_MAX];
	int parent CLEAN_FD = workdir_open_parent(w, e);
	int rc = -1;

	for (size_t i = 0; i < WALK_THREADS_MAX; i++) {
		a[i] = (struct auditor){ .host = w->host, .spec = spec, .links = links };
		data[i] = &a[i];
	}
	if (parent >= 0)
		rc = walk_tree_shared(parent, w->entry, look, data, spec->threads, e);
	for (size_t i = 0; i < WALK_THREADS_MAX; i++) {
		walk_usage_sum(&ret->usage, &a[i].usage);
		findings_sum(&ret->findings, &a[i].findings);
	}
	walk_links_free(links);
	return rc;
}

static enum workdir_status conclude(const struct workdir_audit *a)
{
	if (a->use == WORKDIR_BUSY)
		return WORKDIR_IN_USE;
	if (a->findings.of[FINDING_UNREADABLE].count)
		return WORKDIR_NOT_KNOWN;
	if (findings_worst(&a->findings) > FINDING_NOTE)
		return WORKDIR_CONTAMINATED;
	return a->findings.of[FINDING_STALE].count ? WORKDIR_STALE : WORKDIR_CLEAN;
}

int workdir_audit(struct workdir_audit *ret, const struct workdir *w,
	const struct workdir_audit_spec *spec, struct err *e)
{
	*ret = (struct workdir_audit){ .dir = w };
	if (walk_all(ret, w, spec, e) < 0) {
		workdir_audit_release(ret);
		return -1;
	}
	ret->use = workdir_in_use(w, spec->in_use, spec->claimed, &ret->busy_why);
	if (spec->stale_after_us && ret->use != WORKDIR_BUSY &&
		spec->now.us - ret->usage.newest_us > spec->stale_after_us)
		findings_add(&ret->findings, FINDING_STALE, FINDING_NOTE, 0, ".");
	ret->status = conclude(ret);
	return 0;
}

void workdir_audit_release(struct workdir_audit *a)
{
	free_charp(&a->busy_why);
	findings_release(&a->findings);
}
