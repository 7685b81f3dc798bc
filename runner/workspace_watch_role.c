/* The role; see workspace_watch.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/walk.h"
#include "runner/role.h"
#include "runner/workspace_watch.h"
#include "sandbox/confine.h"
#include "sandbox/drop.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

enum { PACE_MS = 1000, ENTRY_LEAST = 4096, OPEN_FILES = 256 };
#define ADDRESS_SPACE GIB(1) /* of it for inodes with several names: some 20 million */
/* A walk for no other reason than time, and how long to rest after one, in lengths of it. */
#define WALK_EVERY_US (30 * USEC_PER_SEC)
enum { REST_WANTED = 10, REST_ANYWAY = 50 };

struct place {
	const char *path;
	int fd;        /* -1: not there */
	uint64_t used; /* bytes in use on its file system when it was walked, inodes as bytes */
};

struct watcher {
	struct place places[2];
	uint64_t limit, counted;
	struct walk_links *links;
	struct mono rested, due; /* earliest and latest next walk */
};

static uint64_t in_use(int fd)
{
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return 0;
	return (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize +
	       (fs.f_files - fs.f_ffree) * ENTRY_LEAST;
}

static enum walk_verdict count(struct walk *walk, const struct walk_entry *ent, void *data)
{
	struct watcher *w = data;

	(void)walk;
	if (ent->event == WALK_LEAVE || ent->event == WALK_BLIND)
		return WALK_ON;
	if (walk_links_first(w->links, ent))
		w->counted += ent->allocated > ENTRY_LEAST ? ent->allocated : ENTRY_LEAST;
	return w->counted > w->limit ? WALK_STOP : WALK_ON;
}

static void walk_places(struct watcher *w)
{
	struct mono begin = mono_now();
	struct err ignored = { 0 };
	int64_t took;

	w->counted = 0;
	w->links = walk_links_new();
	for (size_t i = 0; i < ARRAY_LEN(w->places) && w->counted <= w->limit; i++) {
		struct place *p = &w->places[i];

		p->used = in_use(p->fd);
		/* what vanished meanwhile takes nothing */
		if (p->fd >= 0 && walk_tree(p->fd, ".", count, w, &ignored) < 0)
			err_clear(&ignored);
	}
	walk_links_free(TAKE(w->links));
	took = mono_diff(mono_now(), begin);
	w->rested = mono_add(mono_now(), took * REST_WANTED);
	w->due = mono_add(mono_now(),
		took * REST_ANYWAY > WALK_EVERY_US ? took * REST_ANYWAY : WALK_EVERY_US);
}

/* All growth of the file systems could be ours. */
static bool may_exceed(const struct watcher *w)
{
	uint64_t most = w->counted;

	for (size_t i = 0; i < ARRAY_LEN(w->places); i++) {
		uint64_t now = in_use(w->places[i].fd);

		if (now > w->places[i].used)
			most += now - w->places[i].used;
	}
	return most > w->limit;
}

/* False when the job's end of the socket is gone. */
static bool rest(void)
{
	struct pollfd p = { .fd = ROLE_FD_CHANNEL, .events = POLLIN };

	return poll(&p, 1, PACE_MS) <= 0;
}

static int look_on(struct watcher *w)
{
	do {
		struct mono now = mono_now();

		if (mono_diff(now, w->due) >= 0 ||
			(mono_diff(now, w->rested) >= 0 && may_exceed(w)))
			walk_places(w);
	} while (w->counted <= w->limit && rest());
	if (w->counted > w->limit &&
		send(ROLE_FD_CHANNEL, &w->counted, sizeof(w->counted), MSG_NOSIGNAL) < 0)
		return EXIT_FINDINGS;
	return EXIT_OK;
}

/* Reading what a step closed to others is all it may need; whoever lacks both is the step user. */
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
	if (confine_limits(&limits, e) < 0 ||
		landlock_restrict(paths, ARRAY_LEN(paths), true, e) < 0)
		return -1;
	return seccomp_load_child(SECCOMP_WATCH, e);
}

int watch_role_main(int argc, char **argv)
{
	struct watcher w = { .places = { { .fd = -1 }, { .fd = -1 } } };
	int64_t limit = 0;
	const struct cli_flag flags[] = {
		{ "workspace", CLI_STRING, &w.places[0].path, "DIR", "looked at",
			.required = true },
		{ "files", CLI_STRING, &w.places[1].path, "DIR", "looked at too",
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
	walk_places(&w);
	return look_on(&w);
}
