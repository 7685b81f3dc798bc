/*
 * Packing and unpacking on real folders, without the sandbox around it (tests/system does it with):
 * the same tree comes back, hostile archives leave the target as it was, caps hold.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include <cmocka.h>

#include "artifact/pattern.h"
#include "artifact/role.h"
#include "artifact/tar.h"
#include "base/fs.h"
#include "base/limits.h"

struct place {
	char path[64];
	int dir;          /* the workspace */
	struct buf lines; /* what was told */
	bool unwanted;
};

static void on_line(void *data, const char *line)
{
	struct place *p = data;

	buf_addf(&p->lines, "%s\n", line);
}

static bool wanted(void *data)
{
	return !((struct place *)data)->unwanted;
}

static struct place *place_new(void)
{
	struct place *p = xcalloc(1, sizeof(*p));

	snprintf(p->path, sizeof(p->path), "/tmp/artifact-test-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	buf_init(&p->lines, MIB(1));
	return p;
}

static void place_free(struct place *p)
{
	uint64_t left = 0;
	struct err e = { 0 };

	close(p->dir);
	CLEAN_FD int tmp = dir_open("/tmp", &e);
	assert_int_equal(tree_remove(tmp, p->path + strlen("/tmp/"), &left, &e), 0);
	buf_release(&p->lines);
	free(p);
}

static void put_file(const struct place *p, const char *path, const char *text, mode_t mode)
{
	CLEAN_STR char *full = path_join(p->path, path);
	struct err e = { 0 };

	if (strrchr(path, '/')) {
		CLEAN_STR char *folder = xstrdup(full);

		*strrchr(folder, '/') = '\0';
		assert_int_equal(dir_ensure_parents(folder, 0755, &e), 0);
	}
	assert_int_equal(file_replace(full, text, strlen(text), 0600, &e), 0);
	assert_int_equal(chmod(full, mode), 0);
}

/* The archive of a place's files as an unlinked file, or -1. */
static int pack(struct place *p, const char *root, const char *paths, int level, bool hidden,
	struct artifact_result *ret, struct err *e)
{
	CLEANUP(pattern_list_release) struct pattern_list patterns = { 0 };
	const struct artifact_watch watch = { on_line, wanted, p };
	CLEAN_FD int out = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CLEAN_FD int at = open_beneath(p->dir, *root ? root : ".", O_RDONLY | O_DIRECTORY, 0, e);
	struct pack_spec spec = { .root = at,
		.root_path = root,
		.patterns = &patterns,
		.level = level,
		.hidden = hidden,
		.out = out,
		.watch = &watch };

	assert_true(at >= 0 && out >= 0);
	assert_int_equal(pattern_list_parse(paths, &patterns, e), 0);
	return artifact_pack(&spec, ret, e) < 0 ? -1 : TAKE_FD(out);
}

static int unpack(struct place *p, int archive, struct artifact_result *ret, struct err *e)
{
	const struct artifact_watch watch = { on_line, wanted, p };

	return artifact_unpack(archive, p->dir, &watch, ret, e);
}

/* "d755 a/", "f644 a/b:text", "l a/c->b": a folder as sorted text. */
static void tell(struct buf *out, int dirfd, const char *path)
{
	struct stat st;
	char text[4096] = "";

	assert_int_equal(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	if (S_ISLNK(st.st_mode)) {
		assert_true(readlinkat(dirfd, path, text, sizeof(text) - 1) > 0);
		buf_addf(out, "l %s->%s\n", path, text);
	} else if (S_ISREG(st.st_mode)) {
		CLEAN_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

		assert_true(read(fd, text, sizeof(text) - 1) >= 0);
		buf_addf(out, "f%o %s:%s@%" PRId64 "\n", st.st_mode & 07777, path, text,
			st.st_mtime);
	} else {
		buf_addf(out, "d%o %s\n", st.st_mode & 07777, path);
	}
}

/* Compares what stands at each of the paths in both places. */
static void assert_same(
	const struct place *a, const char *prefix, const struct place *b, const char *const *paths)
{
	for (; *paths; paths++) {
		CLEAN_BUF struct buf one = BUF_INIT(MIB(1));
		CLEAN_BUF struct buf two = BUF_INIT(MIB(1));
		CLEAN_STR char *base = path_join(a->path, prefix);
		CLEAN_FD int from = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		tell(&one, from, *paths);
		tell(&two, b->dir, *paths);
		assert_string_equal(buf_cstr(&one), buf_cstr(&two));
	}
}

static bool exists(const struct place *p, const char *path)
{
	struct stat st;

	return fstatat(p->dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t count_names(const struct place *p)
{
	struct stat st;

	assert_int_equal(fstat(p->dir, &st), 0);
	return (size_t)st.st_nlink;
}

static void brings_a_tree_back(void **state)
{
	static const char *const all[] = { "bin", "bin/run", "bin/sub", "bin/sub/l", "empty", "dir",
		"umlaut-\xc3\xa4", "link", NULL };
	struct place *a = place_new(), *b = place_new();
	struct artifact_result packed = { 0 }, got = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(a, "out/bin/run", "#!/bin/sh\n", 0755);
	put_file(a, "out/empty", "", 0400);
	put_file(a, "out/umlaut-\xc3\xa4", "x", 0666);
	put_file(a, "other", "not this", 0644);
	assert_int_equal(mkdirat(a->dir, "out/dir", 0700), 0);
	assert_int_equal(mkdirat(a->dir, "out/bin/sub", 0775), 0);
	assert_int_equal(symlinkat("../run", a->dir, "out/bin/sub/l"), 0);
	assert_int_equal(symlinkat("missing", a->dir, "out/link"), 0);
	for (int level = 0; level <= 9; level += 3) {
		CLEAN_FD int archive = pack(a, "out", "out", level, false, &packed, &e);

		if (archive < 0)
			fail_msg("%s", e.text);
		if (unpack(b, archive, &got, &e) < 0)
			fail_msg("%s", e.text);
		assert_same(a, "out", b, all);
		assert_int_equal(packed.files, 3);
		assert_int_equal(packed.links, 2);
		assert_int_equal(packed.folders, 3);
		assert_int_equal(packed.bytes, strlen("#!/bin/sh\n") + 1);
		assert_memory_equal(&got.files, &packed.files, 4 * sizeof(uint64_t));
		assert_false(exists(b, "other"));
		packed = got = (struct artifact_result){ 0 };
	}
	assert_int_equal(a->lines.len, 0);
	place_free(a);
	place_free(b);
}

/* Owners, times of access and the order of creation leave no trace. */
static void is_reproducible(void **state)
{
	struct place *a = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };
	CLEAN_BUF struct buf one = BUF_INIT(MIB(1));
	CLEAN_BUF struct buf two = BUF_INIT(MIB(1));

	(void)state;
	put_file(a, "z", "1", 0644);
	put_file(a, "a/b", "2", 0644);
	CLEAN_FD int first = pack(a, "", ".", 6, false, &r, &e);
	CLEAN_FD int second = pack(a, "", "**", 6, false, &r, &e);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(lseek(first, 0, SEEK_SET), 0);
	assert_int_equal(lseek(second, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(first, &one, &e), 0);
	assert_int_equal(fd_read_all(second, &two, &e), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	place_free(a);
}

static void leaves_out_what_it_should(void **state)
{
	struct place *a = place_new(), *b = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(a, "d/keep.txt", "k", 0644);
	put_file(a, "d/.secret", "s", 0644);
	put_file(a, "d/.git/config", "c", 0644);
	put_file(a, "d/x/drop.o", "o", 0644);
	assert_int_equal(symlinkat("/etc/passwd", a->dir, "d/abs"), 0);
	assert_int_equal(symlinkat("../../up", a->dir, "d/up"), 0);
	assert_int_equal(mknodat(a->dir, "d/pipe", S_IFIFO | 0644, 0), 0);
	CLEAN_FD int archive = pack(a, "d", "d\n!**/*.o", 6, false, &r, &e);
	assert_true(archive >= 0);
	assert_int_equal(r.files, 1);
	assert_int_equal(r.links, 0);
	assert_non_null(strstr(buf_cstr(&a->lines), "d/abs left out"));
	assert_non_null(strstr(buf_cstr(&a->lines), "d/up left out"));
	assert_non_null(strstr(buf_cstr(&a->lines), "d/pipe left out"));
	assert_non_null(strstr(buf_cstr(&a->lines), "2 names with a dot in front left out"));
	assert_int_equal(unpack(b, archive, &r, &e), 0);
	assert_true(exists(b, "keep.txt"));
	assert_false(exists(b, ".secret"));
	assert_false(exists(b, "x/drop.o"));
	r = (struct artifact_result){ 0 };
	CLEAN_FD int hidden = pack(a, "d", "d", 6, true, &r, &e);
	assert_true(hidden >= 0);
	assert_int_equal(r.files, 4);
	r = (struct artifact_result){ 0 };
	CLEAN_FD int named = pack(a, "d", "d/.secret\nd/.g*/config", 6, false, &r, &e);
	assert_true(named >= 0);
	assert_int_equal(r.files, 2);
	place_free(a);
	place_free(b);
}

static void says_what_it_does_not_follow(void **state)
{
	struct place *a = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(symlinkat("/etc", a->dir, "d"), 0);
	CLEAN_FD int archive = pack(a, "", "d/passwd", 6, false, &r, &e);
	assert_true(archive >= 0);
	assert_int_equal(r.files + r.links, 0);
	assert_string_equal(
		buf_cstr(&a->lines), "d left out: a symbolic link, which is not followed\n");
	place_free(a);
}

static void nothing_found_is_an_empty_archive(void **state)
{
	struct place *a = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(a, "a.txt", "x", 0644);
	CLEAN_FD int archive = pack(a, "", "*.md", 6, false, &r, &e);
	assert_true(archive >= 0);
	assert_int_equal(r.files + r.links, 0);
	assert_int_equal(unpack(a, archive, &r, &e), 0);
	place_free(a);
}

static void ends_when_nobody_waits(void **state)
{
	struct place *a = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(a, "a.txt", "x", 0644);
	CLEAN_FD int archive = pack(a, "", ".", 6, false, &r, &e);
	a->unwanted = true;
	assert_int_equal(pack(a, "", ".", 6, false, &r, &e), -1);
	assert_true(err_is(&e, ERR_CANCELLED));
	err_clear(&e);
	assert_int_equal(unpack(a, archive, &r, &e), -1);
	assert_true(err_is(&e, ERR_CANCELLED));
	place_free(a);
}

static void replaces_what_is_there(void **state)
{
	struct place *a = place_new(), *b = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };

	(void)state;
	put_file(a, "f", "new", 0644);
	put_file(a, "d/g", "new", 0644);
	CLEAN_FD int archive = pack(a, "", ".", 6, false, &r, &e);
	/* a link in the place of a file is replaced, not written through */
	put_file(b, "victim", "old", 0644);
	assert_int_equal(symlinkat("victim", b->dir, "f"), 0);
	assert_int_equal(unpack(b, archive, &r, &e), 0);
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	tell(&text, b->dir, "victim");
	assert_non_null(strstr(buf_cstr(&text), "victim:old"));
	assert_same(a, ".", b, (const char *const[]){ "f", "d/g", NULL });
	/* a link in the place of a folder is not entered */
	assert_int_equal(unlinkat(b->dir, "d/g", 0), 0);
	assert_int_equal(unlinkat(b->dir, "d", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/tmp", b->dir, "d"), 0);
	assert_int_equal(unpack(b, archive, &r, &e), -1);
	assert_non_null(strstr(e.text, "a link or a file stands in"));
	assert_int_not_equal(access("/tmp/g", F_OK), 0);
	place_free(a);
	place_free(b);
}

/* ---- hostile archives ---- */

static int zipped(const struct buf *tar)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	gzFile z = gzdopen(dup(fd), "wb");
	assert_non_null(z);
	assert_int_equal(gzwrite(z, tar->data, (unsigned)tar->len), tar->len);
	assert_int_equal(gzclose(z), Z_OK);
	return fd;
}

static void refuse(const char *what, int archive, const char *want)
{
	struct place *p = place_new();
	struct artifact_result r = { 0 };
	struct err e = { 0 };
	size_t before = count_names(p);
	int rc = unpack(p, archive, &r, &e);

	if (rc == 0 || !strstr(e.text, want) || !strstr(e.text, "nothing was written"))
		fail_msg("%s: %d \"%s\", expected \"%s\"", what, rc, e.text, want);
	assert_int_equal(count_names(p), before);
	assert_false(exists(p, "first")); /* what stood before the bad entry */
	place_free(p);
	close(archive);
}

static void refuses_hostile_entries(void **state)
{
	static const struct {
		struct tar_entry x[2];
		const char *want;
	} cases[] = {
		{ { { TAR_FILE, "../evil", NULL, 0644, 0, 0 } }, "without" },
		{ { { TAR_FILE, "/tmp/evil", NULL, 0644, 0, 0 } }, "relative" },
		{ { { TAR_FILE, "a/../../evil", NULL, 0644, 0, 0 } }, "without" },
		{ { { TAR_FILE, "", NULL, 0644, 0, 0 } }, "without a name" },
		{ { { TAR_LINK, "", "x", 0644, 0, 0 } }, "without a name" },
		{ { { TAR_LINK, "l", "/etc", 0777, 0, 0 } }, "relative target" },
		{ { { TAR_LINK, "l", "../..", 0777, 0, 0 } }, "leads out" },
		{ { { TAR_LINK, "l", "d/../..", 0777, 0, 0 } }, "leads out" },
		{ { { TAR_LINK, "l", "first", 0777, 0, 0 }, { TAR_FILE, "l/x", NULL, 0644, 0, 0 } },
			"is below the link" },
		{ { { TAR_LINK, "l", ".", 0777, 0, 0 }, { TAR_FOLDER, "l/x/", NULL, 0755, 0, 0 } },
			"is below the link" },
		{ { { TAR_LINK, "l", ".", 0777, 0, 0 }, { TAR_FILE, "l", NULL, 0755, 0, 0 } },
			"is below the link" },
		{ { { TAR_FILE, "x", NULL, 0644, 0, 0 }, { TAR_FILE, "x/y", NULL, 0644, 0, 0 } },
			"is a folder and something else" },
		{ { { TAR_FILE, "x/y", NULL, 0644, 0, 0 }, { TAR_FILE, "x", NULL, 0644, 0, 0 } },
			"is a folder and something else" },
		{ { { TAR_FOLDER, "x/", NULL, 0755, 0, 0 }, { TAR_LINK, "x", "y", 0777, 0, 0 } },
			"is a folder and something else" },
		{ { { TAR_FILE, "x", NULL, 0644, 0, 0 }, { TAR_FOLDER, "x/", NULL, 0755, 0, 0 } },
			"is a folder and something else" },
		{ { { TAR_FILE, "big", NULL, 0644, LIMIT_ARTIFACT_FILE + 1, 0 } }, "larger than" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf tar = BUF_INIT(MIB(1));

		tar_write_header(&tar, &(struct tar_entry){ TAR_FILE, "first", NULL, 0644, 0, 0 });
		for (size_t k = 0; k < 2 && cases[i].x[k].path; k++)
			tar_write_header(&tar, &cases[i].x[k]);
		tar_write_end(&tar);
		refuse(cases[i].x[0].path, zipped(&tar), cases[i].want);
	}
}

/* What the workspace has in the way is found before anything is written. */
static void refuses_what_does_not_fit_in(void **state)
{
	static const struct {
		const char *there, *link; /* a file, or a link */
		struct tar_entry x;
		const char *want;
	} cases[] = {
		{ "d/e/file", NULL, { TAR_FILE, "d/e", NULL, 0644, 0, 0 }, "a folder stands in" },
		{ "d/e/file", NULL, { TAR_LINK, "d/e", "f", 0777, 0, 0 }, "a folder stands in" },
		{ "d", NULL, { TAR_FILE, "d/e/f", NULL, 0644, 0, 0 }, "in the place of one of" },
		{ "d", NULL, { TAR_FOLDER, "d/", NULL, 0755, 0, 0 }, "a link or a file stands in" },
		{ "d", "/tmp", { TAR_FILE, "d/e", NULL, 0644, 0, 0 }, "in the place of one of" },
		{ "d", "/tmp", { TAR_FOLDER, "d/", NULL, 0755, 0, 0 },
			"a link or a file stands in" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf tar = BUF_INIT(MIB(1));
		struct place *p = place_new();
		struct artifact_result r = { 0 };
		struct err e = { 0 };

		tar_write_header(&tar, &(struct tar_entry){ TAR_FILE, "first", NULL, 0644, 0, 0 });
		tar_write_header(&tar, &cases[i].x);
		tar_write_end(&tar);
		CLEAN_FD int archive = zipped(&tar);
		if (cases[i].link)
			assert_int_equal(symlinkat(cases[i].link, p->dir, cases[i].there), 0);
		else
			put_file(p, cases[i].there, "old", 0644);
		assert_int_equal(unpack(p, archive, &r, &e), -1);
		if (!strstr(e.text, cases[i].want) || !strstr(e.text, "nothing was written"))
			fail_msg("case %zu: \"%s\"", i, e.text);
		assert_false(exists(p, "first"));
		place_free(p);
	}
}

/* An archive of half a megabyte: 40,000 folders whose paths have 4,000 bytes each. */
static void refuses_paths_that_fill_the_memory(void **state)
{
	CLEAN_BUF struct buf tar = BUF_INIT(MIB(1)), path = BUF_INIT(KIB(5));
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	gzFile z = gzdopen(dup(fd), "wb1");
	assert_non_null(z);
	for (int i = 0; i < 16; i++)
		buf_addf(&path, "%0250d/", 0);
	tar_write_header(&tar, &(struct tar_entry){ TAR_FILE, "first", NULL, 0644, 0, 0 });
	for (int i = 0; i < 40000; i++) {
		CLEAN_STR char *name = xasprintf("%s%06d/", buf_cstr(&path), i);

		tar_write_header(&tar, &(struct tar_entry){ TAR_FOLDER, name, NULL, 0755, 0, 0 });
		assert_int_equal(gzwrite(z, tar.data, (unsigned)tar.len), tar.len);
		tar.len = 0;
	}
	tar_write_end(&tar);
	assert_int_equal(gzwrite(z, tar.data, (unsigned)tar.len), tar.len);
	assert_int_equal(gzclose(z), Z_OK);
	refuse("long paths", fd, "128 MiB together");
}

static void refuses_broken_streams(void **state)
{
	CLEAN_BUF struct buf tar = BUF_INIT(MIB(1));
	struct stat st;

	(void)state;
	tar_write_header(&tar, &(struct tar_entry){ TAR_FILE, "first", NULL, 0644, 0, 0 });
	tar_write_end(&tar);
	int fd = zipped(&tar);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t n = 0; n < st.st_size; n += 7) {
		int cut = zipped(&tar);

		assert_int_equal(ftruncate(cut, n), 0);
		refuse("cut", cut, "ends in the middle");
	}
	assert_int_equal(pwrite(fd, "x", 1, st.st_size), 1);
	refuse("tail", fd, "bytes after the end of the gzip stream");
	fd = zipped(&tar);
	assert_int_equal(pwrite(fd, "PK", 2, 0), 2);
	refuse("no gzip", fd, "not a gzip stream");
	fd = zipped(&tar);
	assert_int_equal(pwrite(fd, "\xff\xff", 2, 12), 2);
	assert_int_equal(fcntl(fd, F_GETFD) >= 0, 1);
	refuse("damaged", fd, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brings_a_tree_back),
		cmocka_unit_test(is_reproducible),
		cmocka_unit_test(leaves_out_what_it_should),
		cmocka_unit_test(says_what_it_does_not_follow),
		cmocka_unit_test(nothing_found_is_an_empty_archive),
		cmocka_unit_test(ends_when_nobody_waits),
		cmocka_unit_test(replaces_what_is_there),
		cmocka_unit_test(refuses_hostile_entries),
		cmocka_unit_test(refuses_what_does_not_fit_in),
		cmocka_unit_test(refuses_paths_that_fill_the_memory),
		cmocka_unit_test(refuses_broken_streams),
	};

	return cmocka_run_group_tests_name("artifact", tests, NULL, NULL);
}
