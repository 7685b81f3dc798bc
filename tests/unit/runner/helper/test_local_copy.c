/* The copy of a work tree: both halves over a real socket, in two threads. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "runner/helper/local_copy.h"
#include "tests/unit/help/descriptors.h"

struct copy {
	char root[32];
	int source, target; /* folders */
	int writer;         /* its end of the socket */
	int rc;
	struct err e;
};

static void make_folder(const struct copy *c, const char *name, int *ret)
{
	CLEAN_STR char *path = path_join(c->root, name);

	assert_int_equal(mkdir(path, 0700), 0);
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(*ret >= 0);
}

static int setup(void **state)
{
	struct copy *c = xcalloc(1, sizeof(*c));

	snprintf(c->root, sizeof(c->root), "/tmp/test-copy-XXXXXX");
	assert_non_null(mkdtemp(c->root));
	make_folder(c, "source", &c->source);
	make_folder(c, "target", &c->target);
	*state = c;
	return 0;
}

static int teardown(void **state)
{
	struct copy *c = *state;
	struct err e = { 0 };
	uint64_t left = 0;
	int tmp = dir_open("/tmp", &e);

	close(c->source);
	close(c->target);
	assert_int_equal(tree_remove(tmp, c->root + strlen("/tmp/"), &left, &e), 0);
	close(tmp);
	free(c);
	return 0;
}

static void put(int dir, const char *path, const char *content, mode_t mode)
{
	int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	struct err e = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, content, strlen(content), &e), 0);
	close(fd);
}

static void assert_content(int dir, const char *path, const char *content, mode_t mode)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4));
	struct err e = { 0 };
	struct stat st;
	CLEAN_FD int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, &text, &e), 0);
	assert_string_equal(buf_cstr(&text), content);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void *write_it(void *data)
{
	struct copy *c = data;

	c->rc = local_copy_receive(c->writer, c->target, &c->e);
	close(c->writer);
	return NULL;
}

static int run(struct copy *c, const char *list, size_t n, const char *target,
	struct copy_counts *counts, struct err *e)
{
	int pair[2], rc;

	pthread_t thread;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c->writer = pair[1];
	assert_int_equal(pthread_create(&thread, NULL, write_it, c), 0);
	rc = local_copy_send(
		pair[0], &(struct copy_source){ c->source, list, n }, 1, target, counts, e);
	close(pair[0]);
	pthread_join(thread, NULL);
	return rc;
}

#define LIST(text) text, sizeof(text)

static void tree(void **state)
{
	static const char list[] = "a.txt\0deep/er/b.sh\0deep/c\0deleted\0gone/too\0link\0out\0"
				   "submodule\0 odd name \0made/er/";
	struct copy *c = *state;
	struct copy_counts counts = { 0 };
	struct err e = { 0 };
	char to[64] = "";

	umask(022);
	assert_int_equal(mkdirat(c->source, "deep", 0700), 0);
	assert_int_equal(mkdirat(c->source, "deep/er", 0700), 0);
	assert_int_equal(mkdirat(c->source, "submodule", 0700), 0);
	put(c->source, "a.txt", "alpha", 0600);
	put(c->source, "deep/er/b.sh", "beta", 0700);
	put(c->source, "deep/c", "", 0640);
	put(c->source, " odd name ", "odd", 0644);
	put(c->source, "not-listed", "x", 0644);
	assert_int_equal(symlinkat("a.txt", c->source, "link"), 0);
	assert_int_equal(symlinkat("/etc/passwd", c->source, "out"), 0);
	if (run(c, LIST(list), ".", &counts, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(c->rc, 0);
	assert_int_equal(counts.files, 4);
	assert_int_equal(counts.links, 2);
	assert_int_equal(counts.skipped, 1);
	assert_int_equal(counts.bytes, 12);
	assert_content(c->target, "a.txt", "alpha", 0644);
	assert_int_equal(faccessat(c->target, "made/er", X_OK, 0), 0);
	assert_content(c->target, "deep/er/b.sh", "beta", 0755);
	assert_content(c->target, "deep/c", "", 0644);
	assert_content(c->target, " odd name ", "odd", 0644);
	assert_int_equal(readlinkat(c->target, "link", to, sizeof(to)), 5);
	assert_int_equal(readlinkat(c->target, "out", to, sizeof(to)), 11);
	assert_int_equal(faccessat(c->target, "not-listed", F_OK, 0), -1);
	assert_int_equal(faccessat(c->target, "submodule", F_OK, 0), -1);
}

static void again_below_a_path(void **state)
{
	struct copy *c = *state;
	struct copy_counts counts = { 0 };
	struct err e = { 0 };

	umask(022);
	put(c->source, "a", "one", 0644);
	assert_int_equal(run(c, LIST("a"), "x/y", &counts, &e), 0);
	put(c->source, "a", "second", 0755);
	assert_int_equal(fchmodat(c->source, "a", 0755, 0), 0);
	assert_int_equal(run(c, LIST("a\0a"), "x/y", &counts, &e), 0);
	assert_content(c->target, "x/y/a", "second", 0755);
}

static void nothing(void **state)
{
	struct copy_counts counts = { .files = 7 };
	struct err e = { 0 };

	assert_int_equal(run(*state, NULL, 0, ".", &counts, &e), 0);
	assert_int_equal(counts.files, 0);
}

/* What a step may have put in the way of a later copy must not lead the writer astray. */
static void links_in_the_target(void **state)
{
	struct copy *c = *state;
	struct copy_counts counts = { 0 };
	struct err e = { 0 };

	assert_int_equal(mkdirat(c->source, "dir", 0700), 0);
	put(c->source, "dir/a", "new", 0644);
	put(c->source, "b", "new", 0644);
	put(c->source, "victim", "old", 0644);
	assert_int_equal(symlinkat("../source/victim", c->target, "b"), 0);
	assert_int_equal(run(c, LIST("b"), ".", &counts, &e), 0);
	assert_content(c->source, "victim", "old", 0644);
	assert_content(c->target, "b", "new", 0644);

	assert_int_equal(symlinkat("../source", c->target, "dir"), 0);
	assert_int_equal(run(c, LIST("dir/a"), ".", &counts, &e), -1);
	assert_string_equal(e.text, "dir/a: enter folder dir: Not a directory");
	err_clear(&e);
	assert_int_equal(run(c, LIST("b"), "dir/below", &counts, &e), -1);
	assert_int_equal(faccessat(c->source, "below", F_OK, 0), -1);
}

static void links_in_the_source(void **state)
{
	struct copy *c = *state;
	struct copy_counts counts = { 0 };
	struct err e = { 0 };

	assert_int_equal(symlinkat("/etc", c->source, "dir"), 0);
	assert_int_equal(run(c, LIST("dir/passwd"), ".", &counts, &e), -1);
	assert_int_equal(faccessat(c->target, "dir/passwd", F_OK, 0), -1);
}

static void bad_lists(void **state)
{
	static const struct {
		const char *list;
		size_t n;
		const char *target;
	} cases[] = {
		{ LIST("../escape"), "." },
		{ LIST("/etc/passwd"), "." },
		{ "cut", 3, "." },
		{ LIST("a"), "../out" },
		{ LIST("a"), "/tmp" },
	};
	struct copy *c = *state;

	put(c->source, "a", "x", 0644);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct copy_counts counts = { 0 };
		struct err e = { 0 };

		assert_int_equal(
			run(c, cases[i].list, cases[i].n, cases[i].target, &counts, &e), -1);
		assert_int_not_equal(e.class, ERR_NONE);
	}
}

/* Packets that no reader of ours sends. */
static void malformed_packets(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "\2\0\0\0", 4 },                 /* no head */
		{ "\2\0\0\0\0\0\0\0", 8 },         /* no text */
		{ "\2\0\0\0\0\0\0\0a", 9 },        /* not ended */
		{ "\2\0\0\0\0\0\0\0a", 10 },       /* a file without its descriptor */
		{ "\2\0\0\0\0\0\0\0a\0b", 12 },    /* two texts */
		{ "\3\0\0\0\0\0\0\0a", 10 },       /* a link without what it points to */
		{ "\3\0\0\0\0\0\0\0../a\0b", 15 }, /* outside */
		{ "\1\0\0\0\0\0\0\0/tmp", 13 },    /* outside */
		{ "\11\0\0\0\0\0\0\0a", 10 },      /* unknown kind */
	};
	struct copy *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int pair[2];
		struct err e = { 0 };

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		assert_int_equal(send(pair[0], cases[i].bytes, cases[i].n, 0), (ssize_t)cases[i].n);
		assert_int_equal(local_copy_receive(pair[1], c->target, &e), -1);
		assert_int_equal(e.class, ERR_PROTO);
		close(pair[0]);
		close(pair[1]);
	}
}

/* Whatever comes with a packet is closed: with one that is taken, and with one that is refused. */
static void descriptors_of_packets(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, descriptors;
	} cases[] = {
		{ "\2\0\0\0\0\0\0\0a", 10, 2 }, { "\2\0\0\0\0\0\0\0a", 10, 8 },
		{ "\2\0\0\0\0\0\0\0a", 9, 1 },     /* not ended */
		{ "\3\0\0\0\0\0\0\0a\0b", 12, 1 }, /* a link with a descriptor */
		{ "\2\0\0\0\0\0\0\0../a", 13, 1 }, /* outside */
	};
	struct copy *c = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int pair[2], before;
		struct err e = { 0 };

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		before = descriptors_open();
		descriptors_send(pair[0], cases[i].bytes, cases[i].n, cases[i].descriptors);
		assert_int_equal(local_copy_receive(pair[1], c->target, &e), -1);
		assert_int_equal(descriptors_open(), before);
		close(pair[0]);
		close(pair[1]);
	}
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(tree),
		WITH(again_below_a_path),
		WITH(nothing),
		WITH(links_in_the_target),
		WITH(links_in_the_source),
		WITH(bad_lists),
		WITH(malformed_packets),
		WITH(descriptors_of_packets),
	};

	return cmocka_run_group_tests_name("local_copy", tests, NULL, NULL);
}
