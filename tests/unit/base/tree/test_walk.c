/* The walk over trees, each test in a fresh folder: what is visited, in which order, what is blind.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/tree/walk.h"

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "%s/walk-test-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	uint64_t left = 0;
	struct err e = { 0 };
	char *slash = strrchr(p->path, '/');

	*slash = '\0';
	int fd CLEAN_FD = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = tree_remove(fd, slash + 1, &left, &e);
	close(p->fd);
	free(p);
	return rc;
}

static void put(const struct place *p, const char *name, size_t size)
{
	int fd CLEAN_FD = openat(p->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(write(fd, "x", 1), 1);
}

static void dir(const struct place *p, const char *name)
{
	assert_int_equal(mkdirat(p->fd, name, 0755), 0);
}

/* Visits as lines "E path" (enter), "L", "F", "B path errno", sorted by the caller when needed. */
struct record {
	struct strv lines;
	const char *skip, *stop;
};

static enum walk_verdict record(struct walk *w, const struct walk_entry *ent, void *data)
{
	CLEAN_BUF struct buf path = BUF_INIT(MIB(1));
	struct record *r = data;

	walk_path(w, &path);
	if (ent->event == WALK_BLIND)
		strv_addf(&r->lines, "B %s %d", buf_cstr(&path), ent->errnum);
	else
		strv_addf(&r->lines, "%c %s", "FEL"[ent->event], buf_cstr(&path));
	if (ent->depth)
		assert_non_null(ent->parent);
	if (str_eq(r->stop, ent->name))
		return WALK_STOP;
	return ent->event == WALK_ENTER && str_eq(r->skip, ent->name) ? WALK_SKIP : WALK_ON;
}

static void expect(const struct strv *lines, const char *text)
{
	CLEANUP(strv_release) struct strv want = { 0 };

	strv_split(&want, text, ',');
	for (size_t i = 0; i < want.n && i < lines->n; i++)
		assert_string_equal(lines->v[i], want.v[i]);
	assert_int_equal(lines->n, want.n);
}

static void walk(const struct place *p, const char *name, struct record *r)
{
	struct err e = { 0 };

	if (walk_tree(p->fd, name, record, r, &e) < 0)
		fail_msg("%s", e.text);
}

static void visits_in_order(void **state)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	struct record r = { 0 };

	dir(*state, "t");
	dir(*state, "t/a");
	dir(*state, "t/a/b");
	put(*state, "t/a/b/f", 1);
	walk(*state, "t", &r);
	expect(&r.lines, "E ., E a, E a/b, F a/b/f, L a/b, L a, L .");
	strv_release(&r.lines);
	r = (struct record){ .skip = "b" };
	walk(*state, "t", &r);
	expect(&r.lines, "E ., E a, E a/b, L a/b, L a, L .");
	strv_release(&r.lines);
	r = (struct record){ .stop = "a" };
	walk(*state, "t", &r);
	expect(&r.lines, "E ., E a");
	strv_release(&r.lines);
}

static void never_follows_links(void **state)
{
	const struct place *p = *state;
	struct record r = { 0 };

	dir(p, "t");
	assert_int_equal(symlinkat("/", p->fd, "t/link"), 0);
	walk(p, "t", &r);
	expect(&r.lines, "E ., F link, L .");
	strv_release(&r.lines);
	assert_int_equal(symlinkat("t", p->fd, "root"), 0);
	walk(p, "root", &r);
	expect(&r.lines, "F .");
	strv_release(&r.lines);
}

static void refuses_paths(void **state)
{
	static const char *const bad[] = { "", "..", "a/b", "/", "missing" };
	const struct place *p = *state;
	struct record r = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = { 0 };

		assert_int_equal(walk_tree(p->fd, bad[i], record, &r, &e), -1);
		assert_int_equal(e.class, str_eq(bad[i], "missing") ? ERR_NOT_FOUND : ERR_INPUT);
	}
	assert_int_equal(r.lines.n, 0);
}

struct count {
	uint64_t entered, left, files, blind;
	unsigned deepest;
};

static enum walk_verdict count(struct walk *w, const struct walk_entry *ent, void *data)
{
	struct count *c = data;

	(void)w;
	c->entered += ent->event == WALK_ENTER;
	c->left += ent->event == WALK_LEAVE;
	c->files += ent->event == WALK_FILE;
	c->blind += ent->event == WALK_BLIND;
	if (ent->depth > c->deepest)
		c->deepest = ent->depth;
	return WALK_ON;
}

enum { DEEP = 100000 };

/* A file beside each 50th directory: what is read after coming back up must still be found. */
static void make_deep(const struct place *p)
{
	int at = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < DEEP; i++) {
		const char *name = i ? "d" : "deep";

		assert_int_equal(mkdirat(at, name, 0700), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		if (i % 50 == 49)
			assert_int_equal(mkdirat(at, "e", 0700), 0);
		close(at);
		at = next;
	}
	close(at);
}

static void walks_deep_trees(void **state)
{
	const struct place *p = *state;
	struct count c[2] = { 0 };
	struct rlimit before, few = { 100, 100 };
	struct err e = { 0 };

	make_deep(p);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(walk_tree(p->fd, "deep", count, &c[0], &e), 0);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(c[0].entered, DEEP + DEEP / 50);
	assert_int_equal(c[0].left, c[0].entered);
	assert_int_equal(c[0].blind, 0);
	assert_int_equal(c[0].deepest, DEEP - 1);
	assert_int_equal(
		walk_tree_shared(p->fd, "deep", count, (void *[]){ &c[0], &c[1] }, 2, &e), 0);
	assert_int_equal(c[0].entered + c[1].entered, 2 * (DEEP + DEEP / 50));
	assert_int_equal(c[0].blind + c[1].blind, 0);
}

static void make_wide(const struct place *p)
{
	char name[64];

	dir(p, "wide");
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "wide/%d", i);
		dir(p, name);
		for (int k = 0; k < 30; k++) {
			snprintf(name, sizeof(name), "wide/%d/\xff dir%d", i, k);
			dir(p, name);
			for (int f = 0; f < 5; f++) {
				snprintf(name, sizeof(name), "wide/%d/\xff dir%d/-f\n%d", i, k, f);
				put(p, name, 0);
			}
		}
	}
}

static void append_all(struct strv *into, struct record *part)
{
	for (size_t i = 0; i < part->lines.n; i++)
		strv_add(into, part->lines.v[i]);
	strv_release(&part->lines);
}

/* Whoever visits: the same set of visits with the same paths. */
static void shares_the_same_visits(void **state)
{
	const struct place *p = *state;
	struct record alone = { 0 };

	make_wide(p);
	walk(p, "wide", &alone);
	assert_int_equal(alone.lines.n, 2 * (1 + 30 + 900) + 4500);
	strv_sort(&alone.lines);
	for (size_t n = 1; n <= WALK_THREADS_MAX; n++) {
		CLEANUP(strv_release) struct strv all = { 0 };
		struct record r[WALK_THREADS_MAX] = { 0 };
		void *data[WALK_THREADS_MAX] = { &r[0], &r[1], &r[2], &r[3] };
		struct err e = { 0 };

		assert_int_equal(walk_tree_shared(p->fd, "wide", record, data, n, &e), 0);
		for (size_t i = 0; i < n; i++)
			append_all(&all, &r[i]);
		strv_sort(&all);
		assert_int_equal(all.n, alone.lines.n);
		for (size_t i = 0; i < all.n; i++)
			assert_string_equal(all.v[i], alone.lines.v[i]);
	}
	strv_release(&alone.lines);
}

static void counts_links_once(void **state)
{
	const struct place *p = *state;
	struct walk_usage u, shared;
	struct err e = { 0 };
	char name[64];

	dir(p, "t");
	put(p, "t/big", 8192);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t/name%d", i);
		assert_int_equal(linkat(p->fd, "t/big", p->fd, name, 0), 0);
	}
	int sparse CLEAN_FD = openat(p->fd, "t/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(sparse, 1 << 20), 0);
	assert_int_equal(walk_usage(p->fd, "t", 1, &u, &e), 0);
	assert_int_equal(u.entries, 1003);
	assert_int_equal(u.directories, 1);
	struct stat st;
	assert_int_equal(fstatat(p->fd, "t", &st, 0), 0);
	assert_int_equal(u.apparent, 8192 + (1 << 20) + st.st_size);
	assert_true(u.allocated >= 8192 && u.allocated < 65536);
	assert_int_equal(walk_usage(p->fd, "t", 2, &shared, &e), 0);
	assert_memory_equal(&u, &shared, sizeof(u));
	assert_int_equal(walk_usage(p->fd, "missing", 1, &u, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

/* fn in a child as 65534: the identity stays lost. */
static void as_nobody(void (*fn)(const struct place *), const struct place *p)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(10);
		fn(p);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void blind_child(const struct place *p)
{
	struct record r = { 0 };

	walk(p, "t", &r);
	strv_sort(&r.lines);
	expect(&r.lines, "B closed 13, B listed/f 13, E ., E listed, F ok, L ., L listed");
}

static void says_what_it_cannot_see(void **state)
{
	const struct place *p = *state;

	assert_int_equal(fchmod(p->fd, 0755), 0);
	dir(p, "t");
	dir(p, "t/closed");
	put(p, "t/closed/f", 0);
	dir(p, "t/listed");
	put(p, "t/listed/f", 0);
	put(p, "t/ok", 0);
	assert_int_equal(fchmodat(p->fd, "t/closed", 0700, 0), 0);
	assert_int_equal(fchmodat(p->fd, "t/listed", 0744, 0), 0);
	as_nobody(blind_child, p);
}

static enum walk_verdict cure(struct walk *w, const struct walk_entry *ent, void *data)
{
	if (ent->event == WALK_BLIND && fchmodat(ent->dirfd, ent->name, 0700, 0) < 0)
		return WALK_STOP;
	record(w, ent, data);
	return ent->event == WALK_BLIND ? WALK_AGAIN : WALK_ON;
}

static void cure_child(const struct place *p)
{
	struct record r = { 0 };
	struct err e = { 0 };

	assert_int_equal(mkdirat(p->fd, "own", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "own/in", 0), 0);
	assert_int_equal(fchmodat(p->fd, "own", 0, 0), 0);
	assert_int_equal(walk_tree(p->fd, "own", cure, &r, &e), 0);
	expect(&r.lines, "B . 13, E ., B in 13, E in, L in, L .");
}

static void looks_again_when_cured(void **state)
{
	const struct place *p = *state;

	assert_int_equal(fchmod(p->fd, 0777), 0);
	as_nobody(cure_child, p);
}

static void mount_child(const struct place *p)
{
	char *to CLEAN_STR = path_join(p->path, "t/m");
	struct record r = { 0 };
	struct walk_usage u;
	struct err e = { 0 };

	if (unshare(CLONE_NEWNS) < 0 ||
		(mount("", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL) ||
		mount(p->path, to, "", MS_BIND, NULL) < 0)
		_exit(10);
	int fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(walk_tree(fd, "t", record, &r, &e), 0);
	int rc = walk_usage(fd, "t", 1, &u, &e);
	umount2(to, MNT_DETACH);
	expect(&r.lines, "E ., B m 18, L .");
	assert_int_equal(rc, 0);
	assert_int_equal(u.blind, 1);
	assert_int_equal(u.entries, 1);
}

static void does_not_cross_mounts(void **state)
{
	int status;

	dir(*state, "t");
	dir(*state, "t/m");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		mount_child(*state);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

enum { U = 1000, G = 100, OTHER = 7 };

static void tells_what_could_be_removed(void **state)
{
	static const struct {
		uint32_t dir_uid, dir_gid, dir_mode, uid;
		bool fixed, dir_fixed, mount, capable;
		enum walk_removal want;
	} cases[] = {
		{ U, G, 0755, U, .want = WALK_REMOVABLE },
		{ U, G, 0755, 0, .want = WALK_REMOVABLE },
		{ U, G, 0555, U, .want = WALK_LOCKED },
		{ U, G, 0000, U, .want = WALK_LOCKED },
		{ U, G, 01755, OTHER, .want = WALK_REMOVABLE },
		{ U, G, 0077, U, .want = WALK_LOCKED },
		{ 0, 0, 0755, U, .want = WALK_FOREIGN },
		{ 0, G, 0775, U, .want = WALK_REMOVABLE },
		{ 0, G, 0707, U, .want = WALK_FOREIGN },
		{ 0, 0, 0777, 0, .want = WALK_REMOVABLE },
		{ 0, 0, 01777, 0, .want = WALK_STICKY },
		{ 0, 0, 01777, U, .want = WALK_REMOVABLE },
		{ 0, 0, 0733, U, .want = WALK_FOREIGN },
		{ 0, 0, 0755, 0, .capable = true, .want = WALK_REMOVABLE },
		{ 0, 0, 0755, 0, .capable = true, .fixed = true, .want = WALK_FIXED },
		{ U, G, 0755, U, .dir_fixed = true, .want = WALK_FIXED },
		{ U, G, 0755, U, .mount = true, .want = WALK_MOUNT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct walk_who who = { U, G, cases[i].capable };
		struct walk_entry above = { .known = true,
			.uid = cases[i].dir_uid,
			.gid = cases[i].dir_gid,
			.mode = S_IFDIR | cases[i].dir_mode,
			.fixed = cases[i].dir_fixed };
		struct walk_entry ent = { .known = true,
			.uid = cases[i].uid,
			.mode = S_IFREG | 0444,
			.fixed = cases[i].fixed,
			.mount = cases[i].mount };

		if (walk_removal(&who, &ent, &above) != cases[i].want)
			fail_msg("case %zu: %d", i, walk_removal(&who, &ent, &above));
	}
	struct walk_who who = { U, G, false };
	assert_int_equal(
		walk_removal(&who, &(struct walk_entry){ .fixed = true }, NULL), WALK_FIXED);
	assert_int_equal(walk_removal(&who, &(struct walk_entry){ 0 }, NULL), WALK_REMOVABLE);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_place, drop_place)
	const struct CMUnitTest tests[] = {
		TEST(visits_in_order),
		TEST(never_follows_links),
		TEST(refuses_paths),
		TEST(walks_deep_trees),
		TEST(shares_the_same_visits),
		TEST(counts_links_once),
		TEST(says_what_it_cannot_see),
		TEST(looks_again_when_cured),
		TEST(does_not_cross_mounts),
		TEST(tells_what_could_be_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
