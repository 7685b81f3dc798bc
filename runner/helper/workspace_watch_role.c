/*
 * The role. Free blocks of the file system cost one call a second; when they allow that the limit
 * was passed, the tree is walked. A walk can be evaded: its result is used against a job, never for
 * it. Only a walk of a paused job, a proof, says what growth was somebody else's.
 *
 * Free blocks only make a proof come early. They are the sum of what all do on the disk, so others
 * that delete hide what a job writes. A proof also comes for no other reason than time; that bounds
 * how long a job stays unseen, whatever happens beside it.
 *
 * Where a project quota bounds the workspace nothing of that is needed: the kernel counts, and its
 * use is read several times a second. Command files are not of the project: a step can neither
 * rename nor delete those, so a walk of them misses nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/tree/walk.h"
#include "hygiene/disk/project.h"
#include "runner/ipc/role.h"
#include "runner/helper/workspace_watch.h"
#include "sandbox/confine.h"
#include "sandbox/drop.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

enum { PACE_MS = 1000, QUOTA_PACE_MS = 200, ENTRY_LEAST = 4096, OPEN_FILES = 256 };
#define ADDRESS_SPACE GIB(1) /* of it for inodes with several names: some 20 million */
/* How long to rest after a walk, in lengths of it. */
enum { REST_WALK = 10 };

/* Waiting for a pause, and how long a step is left alone after one, in lengths of it. */
enum { PAUSE_WAIT_MS = 20 * 1000, REST_PAUSED = 50 };
#define REST_US USEC_PER_SEC
/* A proof for no other reason than time; later when fifty lengths of the last one are longer. */
#define PROOF_EVERY_US (10 * USEC_PER_SEC)

struct place {
	const char *path;
	int fd;        /* -1: not there */
	bool counted;  /* on the file system of the place before: that one stands for both */
	uint64_t used; /* bytes in use on its file system at the last proof, inodes as bytes */
};

struct watcher {
	struct place places[2]; /* the workspace, the command files */
	uint64_t limit;
	bool quota;       /* of the workspace's project */
	uint64_t counted; /* by the last walk, which a step may have evaded */
	uint64_t proved;  /* by the last one that nothing could evade */
	struct walk_links *links;
	struct mono rested;     /* earliest next walk */
	struct mono pause_next; /* earliest next pause */
	struct mono due;        /* latest next pause */
};

static uint64_t in_use(int fd)
{
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return 0;
	return (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize +
	       (fs.f_files - fs.f_ffree) * ENTRY_LEAST;
}

static enum walk_verdict count_entry(struct walk *walk, const struct walk_entry *ent, void *data)
{
	struct watcher *w = data;

	(void)walk;
	if (ent->event == WALK_LEAVE || ent->event == WALK_BLIND)
		return WALK_ON;
	if (walk_links_first(w->links, ent))
		w->counted += ent->allocated > ENTRY_LEAST ? ent->allocated : ENTRY_LEAST;
	return w->counted > w->limit ? WALK_STOP : WALK_ON;
}

/* Adds what is in the places from the first on. */
static void add_places(struct watcher *w, size_t first)
{
	struct err ignored = { 0 };

	w->links = walk_links_new();
	for (size_t i = first; i < ARRAY_LEN(w->places) && w->counted <= w->limit; i++) {
		struct place *p = &w->places[i];

		/* what vanished meanwhile takes nothing */
		if (p->fd >= 0 && walk_tree(p->fd, ".", count_entry, w, &ignored) < 0)
			err_clear(&ignored);
	}
	walk_links_free(TAKE(w->links));
}

static void walk_places(struct watcher *w)
{
	struct mono begin = mono_now();

	w->counted = 0;
	add_places(w, 0);
	w->rested = mono_add(mono_now(), REST_WALK * mono_diff(mono_now(), begin));
}

/* All growth of the file systems since the last proof could be ours, whatever walks saw of it. */
static bool may_exceed(const struct watcher *w)
{
	uint64_t most = w->proved;

	for (size_t i = 0; i < ARRAY_LEN(w->places); i++) {
		const struct place *p = &w->places[i];
		uint64_t now = p->counted ? 0 : in_use(p->fd);

		if (now > p->used)
			most += now - p->used;
	}
	return most > w->limit;
}

/* ---- the proof ---- */

static int tell_job(uint32_t kind, uint64_t used)
{
	const struct watch_message m = { .kind = kind, .used = used };

	return send(ROLE_FD_CHANNEL, &m, sizeof(m), MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Everything of the job stands still. */
static bool is_paused(void)
{
	struct pollfd p = { .fd = ROLE_FD_CHANNEL, .events = POLLIN };
	unsigned char answer = 0;

	return tell_job(WATCH_PAUSE, 0) == 0 && poll(&p, 1, PAUSE_WAIT_MS) > 0 &&
	       read(ROLE_FD_CHANNEL, &answer, 1) == 1 && answer;
}

/* An answer that came too late is none: the next one must not be taken for it. */
static void resume(void)
{
	unsigned char late;

	IGNORE_RESULT(tell_job(WATCH_RESUME, 0), "a job that is gone needs no answer");
	while (recv(ROLE_FD_CHANNEL, &late, 1, MSG_DONTWAIT) == 1)
		;
}

/* What is in use now, with so much of it ours: growth counts from here. */
static void rebase(struct watcher *w, const uint64_t *used)
{
	w->proved = w->counted;
	for (size_t i = 0; i < ARRAY_LEN(w->places); i++)
		w->places[i].used = used[i];
}

/* What cannot be paused now (no step runs yet, say) is measured all the same, and asked again soon:
 * such a walk proves nothing. */
static void prove(struct watcher *w)
{
	uint64_t used[ARRAY_LEN(w->places)];
	struct mono begin = mono_now();
	bool paused = is_paused();
	int64_t calm;

	for (size_t i = 0; i < ARRAY_LEN(w->places); i++)
		used[i] = in_use(w->places[i].fd);
	walk_places(w);
	if (paused && w->counted <= w->limit)
		rebase(w, used);
	resume();
	calm = REST_PAUSED * mono_diff(mono_now(), begin) + REST_US;
	w->pause_next = mono_add(mono_now(), calm);
	w->due = mono_add(mono_now(), paused && calm < PROOF_EVERY_US ? PROOF_EVERY_US : calm);
}

/* The kernel stops the project before the limit is passed, so full counts as passed. A quota that
 * cannot be read any more would be no limit. */
static void read_quota(struct watcher *w)
{
	struct project_use use = { 0 };
	struct err unreadable = { 0 };

	if (project_measure(w->places[0].fd, &use, &unreadable) < 0)
		err_clear(&unreadable);
	w->counted = use.used;
	add_places(w, 1);
	if (use.left < ENTRY_LEAST || use.files_left == 0)
		w->counted = w->limit + 1;
}

static void measure(struct watcher *w)
{
	struct mono now = mono_now();

	if (w->quota) {
		read_quota(w);
	} else if (mono_diff(now, w->due) >= 0) {
		prove(w);
	} else if (mono_diff(now, w->rested) >= 0 && may_exceed(w)) {
		walk_places(w);
		if (w->counted <= w->limit && mono_diff(now, w->pause_next) >= 0)
			prove(w);
	}
}

/* False when the job's end of the socket is gone. */
static bool rest(const struct watcher *w)
{
	struct pollfd p = { .fd = ROLE_FD_CHANNEL, .events = POLLIN };

	return poll(&p, 1, w->quota ? QUOTA_PACE_MS : PACE_MS) <= 0;
}

static int watch_places(struct watcher *w)
{
	do
		measure(w);
	while (w->counted <= w->limit && rest(w));
	return w->counted > w->limit && tell_job(WATCH_EXCEEDED, w->counted) < 0 ? EXIT_FINDINGS
										 : EXIT_OK;
}

/* It needs only to read what a step closed to others; a runner without both is the step user. */
static int drop(struct err *e)
{
	static const int wanted[] = { CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE };
	struct drop_spec spec = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	cap_t caps = cap_get_proc();

	for (size_t i = 0; caps && i < ARRAY_LEN(wanted) && !spec.n_keep_caps; i++) {
		cap_flag_value_t set = CAP_CLEAR;

		if (cap_get_flag(caps, wanted[i], CAP_PERMITTED, &set) == 0 && set == CAP_SET) {
			spec.keep_caps = &wanted[i];
			spec.n_keep_caps = 1;
		}
	}
	if (caps)
		cap_free(caps);
	if (drop_privileges(&spec, e) < 0)
		return -1;
	confine_die_with_parent();
	return 0;
}

static int close_in(struct watcher *w, struct err *e)
{
	const struct confine_limits limits = {
		.open_files = OPEN_FILES, .cpu_seconds = UINT64_MAX, .address_space = ADDRESS_SPACE
	};
	struct landlock_path paths[ARRAY_LEN(w->places)];

	for (size_t i = 0; i < ARRAY_LEN(w->places); i++) {
		struct place *p = &w->places[i];

		p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (p->fd < 0 && errno != ENOENT)
			return err_set_errno(e, errno, "open %s", p->path);
		paths[i] = (struct landlock_path){ p->path, false };
	}
	w->quota = w->places[0].fd >= 0 && project_limited(w->places[0].fd, w->limit);
	if (confine_limits(&limits, e) < 0 ||
		landlock_restrict(paths, ARRAY_LEN(paths), true, e) < 0)
		return -1;
	return seccomp_load_child(SECCOMP_WATCH, e);
}

/* No step runs yet: what is there now is all of it. */
static void begin_watch(struct watcher *w)
{
	uint64_t used[ARRAY_LEN(w->places)];
	struct stat a, b;

	w->places[1].counted = w->places[0].fd >= 0 && w->places[1].fd >= 0 &&
			       fstat(w->places[0].fd, &a) == 0 && fstat(w->places[1].fd, &b) == 0 &&
			       a.st_dev == b.st_dev;
	for (size_t i = 0; i < ARRAY_LEN(w->places); i++)
		used[i] = in_use(w->places[i].fd);
	walk_places(w);
	rebase(w, used);
	w->due = mono_add(mono_now(), PROOF_EVERY_US);
}

int watch_role_main(int argc, char **argv)
{
	struct watcher w = { .places = { { .fd = -1 }, { .fd = -1 } } };
	int64_t limit = 0;
	const struct cli_flag flags[] = {
		{ "workspace", CLI_STRING, &w.places[0].path, "DIR", "the workspace",
			.required = true },
		{ "files", CLI_STRING, &w.places[1].path, "DIR", "the command files",
			.required = true },
		{ "limit", CLI_INT, &limit, "BYTES", "of both", 1, INT64_MAX, true },
	};
	struct err e = { 0 };
	char **args;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	w.limit = (uint64_t)limit;
	if (drop(&e) < 0 || close_in(&w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "watch: %s", e.text);
	begin_watch(&w);
	return watch_places(&w);
}
