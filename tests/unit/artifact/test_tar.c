/* The archive format: what is written reads back the same in pieces of any size, tar(1) agrees, and
 * everything that we would not write is refused with its reason. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "artifact/path_rule.h"
#include "artifact/tar_header.h"
#include "base/limits.h"

struct seen {
	struct buf text; /* one line an entry, then its bytes in brackets */
	size_t refuse_at;
};

static int see_entry(void *data, const struct tar_entry *x, struct err *e)
{
	static const char *const kinds[] = { "file", "folder", "link" };
	struct seen *s = data;

	if (s->refuse_at && --s->refuse_at == 0)
		return err_set(e, ERR_LIMIT, "enough");
	buf_addf(&s->text, "%s %s %o %" PRIu64 " %" PRId64 "%s%s [", kinds[x->type], x->path,
		x->mode, x->size, x->mtime, x->link ? " -> " : "", x->link ? x->link : "");
	return 0;
}

static int see_bytes(void *data, const char *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(&((struct seen *)data)->text, p, n);
	return 0;
}

static int see_end(void *data, struct err *e)
{
	(void)e;
	buf_adds(&((struct seen *)data)->text, "]\n");
	return 0;
}

static int read_pieces(struct seen *s, struct slice archive, size_t piece, struct err *e)
{
	struct tar_sink sink = { see_entry, see_bytes, see_end, s };
	CLEANUP(tar_reader_freep) struct tar_reader *r = tar_reader_new(&sink);

	for (size_t at = 0; at < archive.len; at += piece) {
		size_t n = archive.len - at < piece ? archive.len - at : piece;

		if (tar_feed(r, archive.ptr + at, n, e) < 0)
			return -1;
	}
	return tar_finish(r, e);
}

static void put_entry(struct buf *out, const struct tar_entry *x, const char *bytes)
{
	tar_write_header(out, x);
	buf_adds(out, bytes);
	for (size_t i = tar_padding(strlen(bytes)); i; i--)
		buf_addc(out, '\0');
}

static void reads_what_was_written(void **state)
{
	CLEAN_BUF struct buf a = BUF_INIT(MIB(1));
	CLEAN_BUF struct buf want = BUF_INIT(MIB(1));
	char deep[301], target[201];

	(void)state;
	memset(deep, 'd', 300);
	memset(target, 't', 200);
	deep[300] = target[200] = deep[150] = '\0';
	deep[150] = '/';
	put_entry(&a, &(struct tar_entry){ TAR_FOLDER, "bin/", NULL, 0755, 0, 1700000000 }, "");
	put_entry(
		&a, &(struct tar_entry){ TAR_FILE, "bin/run", NULL, 0755, 5, 1700000001 }, "hello");
	put_entry(&a, &(struct tar_entry){ TAR_FILE, "empty", NULL, 0, 0, 0 }, "");
	put_entry(&a, &(struct tar_entry){ TAR_LINK, "l\xc3\xa4st", "bin/run", 0777, 0, 1 }, "");
	put_entry(&a, &(struct tar_entry){ TAR_LINK, deep, target, 0777, 0, 1 }, "");
	tar_write_end(&a);
	assert_true(buf_ok(&a));
	buf_adds(&want, "folder bin/ 755 0 1700000000 []\nfile bin/run 755 5 1700000001 [hello]\n"
			"file empty 0 0 0 []\nlink l\xc3\xa4st 777 0 1 -> bin/run []\n");
	buf_addf(&want, "link %s 777 0 1 -> %s []\n", deep, target);
	for (size_t piece = 1; piece < 3 * TAR_BLOCK; piece = piece * 2 + 1) {
		struct seen s = { .text = BUF_INIT(MIB(1)) };
		struct err e = { 0 };

		if (read_pieces(&s, buf_slice(&a), piece, &e) < 0)
			fail_msg("pieces of %zu: %s", piece, e.text);
		assert_string_equal(buf_cstr(&s.text), buf_cstr(&want));
		buf_release(&s.text);
	}
}

static void writes_sizes_beyond_octal(void **state)
{
	CLEAN_BUF struct buf a = BUF_INIT(MIB(1));
	struct seen s = { .text = BUF_INIT(MIB(1)) };
	struct err e = { 0 };

	(void)state;
	tar_write_header(&a, &(struct tar_entry){ TAR_FILE, "big", NULL, 0644, 10ull << 30, 7 });
	assert_int_equal(read_pieces(&s, buf_slice(&a), 100, &e), -1);
	assert_non_null(strstr(e.text, "ends in the middle"));
	assert_string_equal(buf_cstr(&s.text), "file big 644 10737418240 7 [");
	buf_release(&s.text);
}

static void the_sink_may_refuse(void **state)
{
	CLEAN_BUF struct buf a = BUF_INIT(MIB(1));
	struct seen s = { .text = BUF_INIT(MIB(1)), .refuse_at = 2 };
	struct err e = { 0 };

	(void)state;
	put_entry(&a, &(struct tar_entry){ TAR_FILE, "a", NULL, 0644, 1, 0 }, "x");
	put_entry(&a, &(struct tar_entry){ TAR_FILE, "b", NULL, 0644, 1, 0 }, "y");
	tar_write_end(&a);
	assert_int_equal(read_pieces(&s, buf_slice(&a), 700, &e), -1);
	assert_string_equal(e.text, "enough");
	assert_string_equal(buf_cstr(&s.text), "file a 644 1 0 [x]\n");
	buf_release(&s.text);
}

/* A plain header for "x" that a case then spoils. */
static void spoil(struct tar_header *h, size_t at, const void *p, size_t n, bool resum)
{
	memcpy((char *)h + at, p, n);
	if (resum) {
		char sum[8];

		snprintf(sum, sizeof(sum), "%06o", tar_checksum(h));
		memcpy(h->checksum, sum, 7);
		h->checksum[7] = ' ';
	}
}

#define FIELD(name) offsetof(struct tar_header, name)

static void refuses(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		const char *bytes;
		size_t n;
		bool resum;
		const char *want;
	} cases[] = {
		{ "hard link", FIELD(type), "1", 1, true, "hard link, expected files" },
		{ "character device", FIELD(type), "3", 1, true, "device file" },
		{ "block device", FIELD(type), "4", 1, true, "device file" },
		{ "pipe", FIELD(type), "6", 1, true, "named pipe" },
		{ "sparse", FIELD(type), "S", 1, true, "sparse file" },
		{ "unknown", FIELD(type), "Z", 1, true, "unknown type" },
		{ "link with bytes", FIELD(type), "2", 1, true, "with bytes of its own" },
		{ "checksum", FIELD(name), "y", 1, false, "checksum is wrong" },
		{ "magic", FIELD(magic), "tar  ", 5, true, "no tar header" },
		{ "size", FIELD(size), "0000000000x", 11, true, "size is not a number" },
		{ "huge size", FIELD(size), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12,
			true, "size is not a number" },
		{ "mode", FIELD(mode), "rwxr-xr", 7, true, "mode or time is not a number" },
		{ "long pax", FIELD(type), "x\0", 1, true, "malformed extended header" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf a = BUF_INIT(MIB(1));
		struct seen s = { .text = BUF_INIT(MIB(1)) };
		struct err e = { 0 };

		put_entry(&a, &(struct tar_entry){ TAR_FILE, "x", NULL, 0644, 3, 0 }, "abc");
		tar_write_end(&a);
		spoil((struct tar_header *)a.data, cases[i].at, cases[i].bytes, cases[i].n,
			cases[i].resum);
		int rc = read_pieces(&s, buf_slice(&a), 1000, &e);
		if (rc == 0 || !strstr(e.text, cases[i].want))
			fail_msg("%s: %d \"%s\", expected \"%s\"", cases[i].what, rc, e.text,
				cases[i].want);
		buf_release(&s.text);
	}
}

static void refuses_bad_ends(void **state)
{
	CLEAN_BUF struct buf a = BUF_INIT(MIB(1));
	struct err e = { 0 };
	struct seen s = { .text = BUF_INIT(MIB(1)) };

	(void)state;
	put_entry(&a, &(struct tar_entry){ TAR_FILE, "x", NULL, 0644, 3, 0 }, "abc");
	tar_write_end(&a);
	for (size_t n = 0; n < a.len; n += 100) {
		err_clear(&e);
		assert_int_equal(read_pieces(&s, (struct slice){ a.data, n }, 1000, &e), -1);
		assert_non_null(strstr(e.text, "ends in the middle"));
	}
	buf_adds(&a, "more");
	assert_int_equal(read_pieces(&s, buf_slice(&a), 1000, &e), -1);
	assert_non_null(strstr(e.text, "after the end"));
	buf_release(&s.text);
}

static void path_rules(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} cases[] = {
		{ "a", "a" },
		{ "./a/b/", "a/b" },
		{ "./", "" },
		{ ".", "" },
		{ "..a/b..", "..a/b.." },
		{ "\xc3\xa4/\xff", "\xc3\xa4/\xff" },
		{ "", "" },
		{ "/a", NULL },
		{ ".//a", "a" },
		{ "..", NULL },
		{ "../a", NULL },
		{ "a/../b", NULL },
		{ "a/..", NULL },
		{ "a//b", NULL },
		{ "a/./b", NULL },
		{ "a\nb", NULL },
		{ "a\x1b", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *p = xstrdup(cases[i].in);
		struct err e = { 0 };
		int rc = path_rule_clean(p, &e);

		if (cases[i].out ? rc < 0 || !str_eq(p, cases[i].out) : rc == 0)
			fail_msg("\"%s\": %d \"%s\" (%s)", cases[i].in, rc, p, e.text);
	}
}

static void path_rules_have_caps(void **state)
{
	CLEAN_BUF struct buf deep = BUF_INIT(MIB(1));
	CLEAN_STR char *name = xmalloc(257);
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < PATH_RULE_DEPTH; i++)
		buf_adds(&deep, "d/");
	assert_int_equal(path_rule_clean(deep.data, &e), 0);
	buf_clear(&deep);
	for (int i = 0; i < PATH_RULE_DEPTH; i++)
		buf_adds(&deep, "d/");
	buf_adds(&deep, "d");
	assert_int_equal(path_rule_clean(deep.data, &e), -1);
	memset(name, 'n', 256);
	name[256] = '\0';
	assert_int_equal(path_rule_clean(name, &e), -1);
	name[255] = '\0';
	assert_int_equal(path_rule_clean(name, &e), 0);
}

static void link_rules(void **state)
{
	static const struct {
		const char *path, *target;
		bool fine;
	} cases[] = {
		{ "a", "b", true },
		{ "a", "./b/c", true },
		{ "a/b", "../c", true },
		{ "a/b/c", "../../d", true },
		{ "a/b/c", "./.././../d", true },
		{ "a/b", "..", true },
		{ "a", ".", true },
		{ "a", "..", false },
		{ "a", "../b", false },
		{ "a/b", "../../c", false },
		{ "a", "/etc/passwd", false },
		{ "a", "", false },
		{ "a/b", "c/../../..", false },
		{ "a/b/c", "x/..", false }, /* x may be a link to "." */
		{ "a", "b\nc", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		bool fine = path_rule_link(cases[i].path, cases[i].target, &e) == 0;

		if (fine != cases[i].fine)
			fail_msg("%s -> %s: %s", cases[i].path, cases[i].target, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written),
		cmocka_unit_test(writes_sizes_beyond_octal),
		cmocka_unit_test(the_sink_may_refuse),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_bad_ends),
		cmocka_unit_test(path_rules),
		cmocka_unit_test(path_rules_have_caps),
		cmocka_unit_test(link_rules),
	};

	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}
