/* Files and directories, in a fresh folder per test: below TMPDIR, or in memory, or in /tmp. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"

struct place {
	char path[128];
	int fd;
};

static int make_place(void **state)
{
	const char *tmp = getenv("TMPDIR");
	const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct place *p = xcalloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "%.90s/fs-test-XXXXXX", tmp ? tmp : memory);
	assert_non_null(mkdtemp(p->path));
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int drop_place(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	const char *name = strrchr(p->path, '/') + 1;
	char parent[128];
	uint64_t left = 0;

	snprintf(parent, sizeof(parent), "%.*s", (int)(name - p->path), p->path);
	int fd CLEAN_FD = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(p->fd);
	int rc = tree_remove(fd, name, &left, &e);
	if (rc < 0)
		print_error("%s\n", e.text);
	free(p);
	return rc;
}

static void put(const struct place *p, const char *name, const char *text)
{
	int fd CLEAN_FD = openat(p->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static bool exists(const struct place *p, const char *name)
{
	struct stat st;

	return fstatat(p->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t entries(const struct place *p)
{
	DIR *d = fdopendir(openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void reads_up_to_the_cap(void **state)
{
	struct place *p = *state;

	char *path CLEAN_STR = path_join(p->path, "f");

	put(p, "f", "12345");
	for (size_t max = 0; max < 8; max++) {
		struct buf b CLEAN_BUF = BUF_INIT(max);
		struct err e = { 0 };
		int rc = file_read(path, &b, &e);
		assert_int_equal(rc, max < 5 ? -1 : 0);
		assert_int_equal(e.class, max < 5 ? ERR_LIMIT : ERR_NONE);
		if (max >= 5)
			assert_string_equal(buf_cstr(&b), "12345");
		else
			assert_non_null(strstr(e.text, "/f: larger than "));
	}
	struct buf b CLEAN_BUF = BUF_INIT(10);
	struct err e = { 0 };
	assert_int_equal(file_read("/nonexistent/x", &b, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
	assert_string_equal(e.text, "open /nonexistent/x: No such file or directory");
}

static void reads_what_is_private(void **state)
{
	static const struct {
		mode_t mode;
		const char *said; /* NULL: it is read */
	} cases[] = {
		{ 0600, NULL },
		{ 0640, NULL },
		{ 0400, NULL },
		{ 0644, "key: mode 0644 lets others at the key, expected 0600 or 0640: chmod "
			"0600 " },
		{ 0660, "key: mode 0660 lets others" },
		{ 0601, "key: mode 0601 lets others" },
	};
	const struct place *p = *state;
	CLEAN_STR char *path = path_join(p->path, "key"), *pipe = path_join(p->path, "pipe");
	CLEAN_BUF struct buf out = BUF_INIT(64);

	put(p, "key", "secret");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		buf_clear(&out);
		assert_int_equal(fchmodat(p->fd, "key", cases[i].mode, 0), 0);
		int rc = file_read_private(path, "the key", &out, &e);
		assert_int_equal(rc, cases[i].said ? -1 : 0);
		if (cases[i].said)
			assert_non_null(strstr(e.text, cases[i].said));
		assert_string_equal(buf_cstr(&out), cases[i].said ? "" : "secret");
	}
	/* nobody writes to it, and nobody waits */
	struct err e = { 0 };
	assert_int_equal(mkfifoat(p->fd, "pipe", 0600), 0);
	assert_int_equal(file_read_private(pipe, "the key", &out, &e), -1);
	assert_non_null(strstr(e.text, "not a file"));
	assert_int_equal(unlinkat(p->fd, "pipe", 0), 0);
	/* what is not there is a mistake of who named it, not a fault that may pass */
	e = (struct err){ 0 };
	assert_int_equal(file_read_private(pipe, "the key", &out, &e), -1);
	assert_int_equal(e.class, ERR_INPUT);
	assert_non_null(strstr(e.text, "pipe: expected a file with the key that user "));
	assert_non_null(strstr(e.text, ": No such file or directory"));
}

static void replaces_whole_files(void **state)
{
	struct place *p = *state;

	char *path CLEAN_STR = path_join(p->path, "f");
	struct buf b CLEAN_BUF = BUF_INIT(100);
	struct err e = { 0 };
	struct stat st;
	mode_t old = umask(077);

	assert_int_equal(file_replace(path, "one", 3, 0600, &e), 0);
	assert_int_equal(file_replace(path, "second", 6, 0644, &e), 0);
	umask(old);
	assert_int_equal(file_read(path, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(entries(p), 1);
	assert_int_equal(mkdirat(p->fd, "d", 0700), 0);
	char *dir CLEAN_STR = path_join(p->path, "d");
	assert_int_equal(file_replace(dir, "x", 1, 0600, &e), -1);
	assert_int_equal(entries(p), 2); /* the temporary file is gone */
}

static void ensures_directories(void **state)
{
	struct place *p = *state;

	char *deep CLEAN_STR = path_join(p->path, "a//b/c/");
	char *link CLEAN_STR = path_join(p->path, "link");
	char *file CLEAN_STR = path_join(p->path, "file");
	struct err e = { 0 };
	struct stat st;
	mode_t old = umask(077);

	assert_int_equal(dir_ensure_parents(deep, 0711, &e), 0);
	umask(old);
	assert_int_equal(fstatat(p->fd, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(dir_ensure_parents(deep, 0700, &e), 0);
	assert_int_equal(symlinkat("a", p->fd, "link"), 0);
	put(p, "file", "");
	assert_int_equal(dir_ensure(link, 0700, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	assert_int_equal(dir_ensure(file, 0700, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	char *below CLEAN_STR = path_join(file, "x/y");
	assert_int_equal(dir_ensure_parents(below, 0700, &e), -1);
	assert_int_equal(e.errnum, ENOTDIR);
	assert_int_equal(dir_open(link, &e), -1);
	int fd CLEAN_FD = dir_open(p->path, &e);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void stays_beneath(void **state)
{
	struct place *p = *state;

	static const struct {
		const char *path;
		bool ok;
		enum err_class class;
	} cases[] = {
		{ "d/f", true, ERR_NONE },
		{ "./d/../d/f", true, ERR_NONE },
		{ "d/missing", false, ERR_NOT_FOUND },
		{ "../d/f", false, ERR_INPUT },
		{ "d/../../x", false, ERR_INPUT },
		{ "/etc/passwd", false, ERR_INPUT },
		{ "link", false, ERR_INPUT },
		{ "dirlink/f", false, ERR_INPUT },
		{ "", false, ERR_NOT_FOUND },
	};

	assert_int_equal(mkdirat(p->fd, "d", 0700), 0);
	put(p, "d/f", "x");
	assert_int_equal(symlinkat("d/f", p->fd, "link"), 0);
	assert_int_equal(symlinkat("d", p->fd, "dirlink"), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		int fd CLEAN_FD = open_beneath(p->fd, cases[i].path, O_RDONLY, 0777, &e);
		assert_int_equal(fd >= 0, cases[i].ok);
		assert_int_equal(e.class, cases[i].class);
	}
	struct err e = { 0 };
	int made CLEAN_FD = open_beneath(p->fd, "d/new", O_WRONLY | O_CREAT | O_EXCL, 0640, &e);
	assert_true(made >= 0);
	assert_true(fcntl(made, F_GETFD) & FD_CLOEXEC);
}

static void removes(const struct place *p, const char *name)
{
	struct err e = { 0 };
	uint64_t left = 77;
	int rc = tree_remove(p->fd, name, &left, &e);

	assert_string_equal(e.text, "");
	assert_int_equal(rc, 0);
	assert_int_equal(left, 0);
	assert_false(exists(p, name));
}

static void removes_trees(void **state)
{
	struct place *p = *state;
	struct err e = { 0 };
	static const char *const bad[] = { "", ".", "..", "a/b", "/" };

	put(p, "outside", "stays");
	assert_int_equal(mkdirat(p->fd, "t", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "t/sub", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "t/sub/locked", 0700), 0);
	put(p, "t/sub/locked/f", "x");
	put(p, "t/sub/\n\xff", "x");
	assert_int_equal(symlinkat("../outside", p->fd, "t/link"), 0);
	assert_int_equal(symlinkat("..", p->fd, "t/up"), 0);
	assert_int_equal(mkfifoat(p->fd, "t/fifo", 0600), 0);
	assert_int_equal(fchmodat(p->fd, "t/sub/locked", 0, 0), 0);
	assert_int_equal(fchmodat(p->fd, "t/sub", 0400, 0), 0);
	assert_int_equal(fchmodat(p->fd, "t", 0500, 0), 0);
	removes(p, "t");
	assert_true(exists(p, "outside"));
	removes(p, "t"); /* gone already is fine */
	assert_int_equal(symlinkat("outside", p->fd, "l"), 0);
	removes(p, "l");
	assert_true(exists(p, "outside"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(tree_remove(p->fd, bad[i], NULL, &e), -1);
	removes(p, "outside");
}

static void removes_wide_directories(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->fd, "wide", 0700), 0);
	for (int i = 0; i < 3000; i++) {
		char name[64];

		snprintf(name, sizeof(name), "wide/%0*d", 1 + i % 40, i);
		put(p, name, "");
	}
	removes(p, "wide");
}

/* Deeper than any path can name and than descriptors would last. */
static void make_deep(const struct place *p, int depth)
{
	int at = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		const char *name = i ? "d" : "deep";

		assert_int_equal(mkdirat(at, name, 0700), 0);
		if (i % 50 == 49)
			assert_int_equal(symlinkat("/", at, "link"), 0);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(at);
		at = next;
	}
	close(at);
}

static void removes_deep_trees(void **state)
{
	make_deep(*state, 100000);
	removes(*state, "deep");
}

/* Unprivileged, so that modes count: in a child, because the identity stays lost. */
static void removes_as_nobody(void **state)
{
	struct place *p = *state;
	int status;
	pid_t pid;

	assert_int_equal(fchmod(p->fd, 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = { 0 };
		uint64_t left = 1;

		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(10);
		make_deep(p, 70);
		if (fchmodat(p->fd, "deep/d/d", 0, 0) < 0 || fchmodat(p->fd, "deep", 0100, 0) < 0)
			_exit(12);
		_exit(tree_remove(p->fd, "deep", &left, &e) < 0 ? 11 : (int)left);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(exists(p, "deep"));
}

/* A foreign directory we may not change: its content stays and is counted, the rest goes. */
static void counts_what_stays(void **state)
{
	struct place *p = *state;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		fail_msg("needs root to make foreign files");
	assert_int_equal(fchmod(p->fd, 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = { 0 };
		uint64_t left = 0;

		if (mkdirat(p->fd, "t", 0777) < 0 || fchmodat(p->fd, "t", 0777, 0) < 0 ||
			mkdirat(p->fd, "t/foreign", 0755) < 0)
			_exit(14);
		put(p, "t/foreign/a", "");
		put(p, "t/foreign/b", "");
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(10);
		put(p, "t/own", "");
		if (tree_remove(p->fd, "t", &left, &e) == 0 || e.class != ERR_IO)
			_exit(11);
		if (!strstr(e.text, "4 entries stay: remove t/foreign/"))
			_exit(12);
		_exit(left == 4 && !exists(p, "t/own") ? 0 : 13); /* a, b, foreign, t */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(exists(p, "t/foreign/a"));
}

/* A bind mount of the same file system inside the tree: neither entered nor counted twice. */
static void does_not_cross_mounts(void **state)
{
	struct place *p = *state;

	char *from CLEAN_STR = path_join(p->path, "precious");
	char *to CLEAN_STR = path_join(p->path, "t/m");
	int status;
	pid_t pid;

	if (geteuid() != 0)
		fail_msg("needs root to mount");
	assert_int_equal(mkdirat(p->fd, "precious", 0700), 0);
	put(p, "precious/f", "x");
	assert_int_equal(mkdirat(p->fd, "t", 0700), 0);
	assert_int_equal(mkdirat(p->fd, "t/m", 0700), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = { 0 };
		uint64_t left = 0;

		/* in a chroot "/" is no mount and cannot be made private (EINVAL); the mount is
		 * taken away again below, should somebody else see it */
		if (unshare(CLONE_NEWNS) < 0 ||
			(mount("", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL) ||
			mount(from, to, "", MS_BIND, NULL) < 0)
			_exit(10);
		int fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int rc = tree_remove(fd, "t", &left, &e);
		umount2(to, MNT_DETACH);
		if (rc == 0 || left != 2)
			_exit(11);
		_exit(strstr(e.text, "t/m: is a mount point") && e.class == ERR_CONFLICT ? 0 : 12);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(exists(p, "precious/f"));
}

static void locks_exclusively(void **state)
{
	struct place *p = *state;

	char *path CLEAN_STR = path_join(p->path, "lock");
	struct err e = { 0 };
	struct stat st;
	int first = lock_file(path, &e);

	assert_true(first >= 0);
	assert_int_equal(fstat(first, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(lock_file(path, &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
	close(first);
	int again CLEAN_FD = lock_file(path, &e);
	assert_true(again >= 0);
	assert_int_equal(symlinkat("lock", p->fd, "link"), 0);
	char *link CLEAN_STR = path_join(p->path, "link");
	assert_int_equal(lock_file(link, &e), -1);
	assert_int_equal(e.class, ERR_IO);
}

static void joins_and_judges_paths(UNUSED void **state)
{
	static const struct {
		const char *path;
		bool inside;
	} cases[] = {
		{ "a", true },
		{ ".", true },
		{ "./a", true },
		{ "a/b", true },
		{ "a/", true },
		{ "a/./b", true },
		{ "..a/b..", true },
		{ "...", true },
		{ "", false },
		{ "/", false },
		{ "/a", false },
		{ "..", false },
		{ "a/..", false },
		{ "a/../b", false },
		{ "../a", false },
		{ "a//b", false },
		{ NULL, false },
	};
	char *a CLEAN_STR = path_join("/x", "y"), *b CLEAN_STR = path_join("/x/", "y");
	char *c CLEAN_STR = path_join("", "y"), *d CLEAN_STR = path_join("/", "y");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(path_is_inside(cases[i].path), cases[i].inside);
	assert_string_equal(a, "/x/y");
	assert_string_equal(b, "/x/y");
	assert_string_equal(c, "y");
	assert_string_equal(d, "/y");
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(reads_up_to_the_cap),
		IN_PLACE(reads_what_is_private),
		IN_PLACE(replaces_whole_files),
		IN_PLACE(ensures_directories),
		IN_PLACE(stays_beneath),
		IN_PLACE(removes_trees),
		IN_PLACE(removes_wide_directories),
		IN_PLACE(removes_deep_trees),
		IN_PLACE(removes_as_nobody),
		IN_PLACE(counts_what_stays),
		IN_PLACE(does_not_cross_mounts),
		IN_PLACE(locks_exclusively),
		cmocka_unit_test(joins_and_judges_paths),
	};

	return cmocka_run_group_tests_name("fs", tests, NULL, NULL);
}
