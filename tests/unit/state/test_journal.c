/* What a job keeps on disk: the journal, the reports it queued, its token chain; whole and damaged.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "state/chain.h"
#include "state/journal.h"
#include "state/outbox.h"
#include "tests/unit/help/temp_dir.h"

static char top[] = "/tmp/journal-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return temp_dir_make(top);
}

static int drop_folder(void **state)
{
	(void)state;
	return temp_dir_drop(top);
}

static char *fresh(const char *name)
{
	char *dir = path_join(top, name);

	assert_int_equal(mkdir(dir, 0700), 0);
	return dir;
}

static void expect_mode(const char *dir, const char *name)
{
	CLEAN_STR char *path = path_join(dir, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* ---- journal ---- */

static void a_journal_comes_back(void **state)
{
	CLEAN_STR char *dir = fresh("j");
	int64_t steps[] = { 11, 12, 0 };
	struct journal j = { .job = 42,
		.run = 7,
		.instance = (char *)"here",
		.base_url = (char *)"http://c",
		.workspace_root = (char *)"/w",
		.steps = { steps, 3 } };
	struct journal got = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(journal_read(dir, &got, &e), -1);
	assert_true(err_is(&e, ERR_NOT_FOUND));
	err_clear(&e);
	assert_int_equal(journal_write(dir, &j, &e), 0);
	j.started = true;
	j.cause = (char *)"cancelled";
	assert_int_equal(journal_write(dir, &j, &e), 0);
	expect_mode(dir, "journal");
	assert_int_equal(journal_read(dir, &got, &e), 0);
	assert_int_equal(got.job, 42);
	assert_int_equal(got.run, 7);
	assert_true(got.started);
	assert_string_equal(got.cause, "cancelled");
	assert_string_equal(got.workspace_root, "/w");
	assert_int_equal(got.steps.n, 3);
	assert_int_equal(got.steps.v[1], 12);
	journal_release(&got);
}

static void damaged_journals_are_refused(void **state)
{
#define REST                                                                     \
	"\"run\":1,\"instance\":\"i\",\"base_url\":\"u\",\"workspace_root\":\"/" \
	"w\",\"started\":true"
	static const char *const texts[] = { "", "{", "[]", "{\"version\":1}",
		"{\"version\":2,\"job\":1," REST ",\"steps\":[1]}",
		"{\"version\":1,\"job\":0," REST ",\"steps\":[1]}",
		"{\"version\":1,\"job\":1," REST ",\"steps\":[\"1\"]}",
		"{\"version\":1,\"job\":1," REST ",\"steps\":[1.5]}",
		"{\"version\":1,\"job\":1," REST ",\"steps\":{}}",
		"{\"version\":1,\"job\":1," REST ",\"steps\":[1]" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct journal j = { 0 };
		struct err e = { 0 };

		if (journal_parse(texts[i], strlen(texts[i]), &j, &e) == 0)
			fail_msg("taken: %s", texts[i]);
		assert_true(err_is(&e, ERR_INPUT));
	}
}

/* ---- outbox ---- */

static void append(int fd, enum outbox_kind kind, int64_t step, const char *text)
{
	struct outbox_report r = { .kind = kind, .step = step };
	struct err e = { 0 };

	*(kind == OUTBOX_LOG ? &r.file : &r.body) = (char *)(uintptr_t)text;
	if (outbox_append(fd, &r, &e) < 0)
		fail_msg("%s", e.text);
}

static void reports_come_back_in_order(void **state)
{
	CLEAN_STR char *dir = fresh("o");
	struct outbox_list l = { 0 };
	struct err e = { 0 };
	int fd = outbox_open(dir, 3, &e);

	(void)state;
	assert_true(fd >= 0);
	append(fd, OUTBOX_JOB, 0, "{\"status\":\"running\"}");
	append(fd, OUTBOX_LOG, 11, "step-0.log");
	/* torn by a kill: no end of line */
	assert_int_equal(write(fd, "{\"kind\":\"st", 11), 11);
	close(fd);
	expect_mode(dir, "outbox");
	assert_int_equal(outbox_read(dir, &l, &e), 0);
	assert_int_equal(l.n, 2);
	assert_int_equal(l.v[0].kind, OUTBOX_JOB);
	assert_string_equal(l.v[0].body, "{\"status\":\"running\"}");
	assert_string_equal(l.v[1].file, "step-0.log");
	outbox_list_release(&l);
	/* whoever goes on begins behind the last whole line */
	fd = outbox_open(dir, 3, &e);
	append(fd, OUTBOX_STEP, 11, "{}");
	close(fd);
	assert_int_equal(outbox_read(dir, &l, &e), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(l.v[2].step, 11);
	outbox_list_release(&l);
}

static void damaged_outboxes_are_refused(void **state)
{
	static const char *const texts[] = { "\n", "{}\n",
		"{\"kind\":\"job\",\"step\":0,\"terminal\":true}\n",
		"{\"kind\":\"log\",\"step\":1,\"terminal\":false,\"file\":\"../x\"}\n",
		"{\"kind\":\"log\",\"step\":1,\"terminal\":false,\"file\":\"step-/../../x\"}\n",
		"{\"kind\":\"other\",\"step\":1,\"terminal\":false,\"body\":\"\"}\n" };
	struct outbox_list l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err e = { 0 };

		if (outbox_parse(texts[i], strlen(texts[i]), &l, &e) == 0)
			fail_msg("taken: %s", texts[i]);
	}
}

/* ---- chain ---- */

static struct chain_state sample(const char *token, int64_t done)
{
	return (struct chain_state){ .token = (char *)(uintptr_t)token, .done = done };
}

static void save(struct chain *c, const struct chain_state *s)
{
	struct err e = { 0 };

	if (chain_save(c, s, &e) < 0)
		fail_msg("%s", e.text);
}

static void the_chain_comes_back(void **state)
{
	CLEAN_STR char *dir = fresh("c");
	struct chain c = CHAIN_INIT;
	struct chain_state s, got = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(chain_make(dir, "first", &e), 0);
	expect_mode(dir, "chain");
	assert_int_equal(chain_open(&c, dir, &got, &e), 0);
	assert_string_equal(got.token, "first");
	assert_int_equal(got.call, CHAIN_NONE);
	chain_state_release(&got);
	s = sample("second", 3);
	s.log_acked = 100;
	s.log_seq = 2;
	s.notice = (char *)"some \xff"
			   "bytes"; /* nobody's loss */
	s.call = CHAIN_ASK;
	s.path = (char *)"/artifacts/upload";
	s.body = (char *)"{\"name\":\"a\"}";
	strv_add(&s.headers, "X-Kind: y");
	memcpy(s.key, "key", 4);
	save(&c, &s);
	strv_release(&s.headers);
	chain_close(&c);
	assert_int_equal(chain_open(&c, dir, &got, &e), 0);
	assert_string_equal(got.token, "second");
	assert_int_equal(got.done, 3);
	assert_int_equal(got.log_acked, 100);
	assert_null(got.notice);
	assert_int_equal(got.call, CHAIN_ASK);
	assert_string_equal(got.key, "key");
	assert_string_equal(got.body, "{\"name\":\"a\"}");
	assert_int_equal(got.headers.n, 1);
	chain_state_release(&got);
	chain_close(&c);
}

/* A save that was killed half-way, at any byte: the record before still stands. */
static void a_torn_record_leaves_the_one_before(void **state)
{
	CLEAN_STR char *dir = fresh("t"), *path = path_join(dir, "chain");
	CLEAN_BUF struct buf whole = BUF_INIT(KIB(64)), older = BUF_INIT(KIB(64));
	struct chain c = CHAIN_INIT;
	struct chain_state got = { 0 };
	struct err e = { 0 };
	int64_t number = 0;
	size_t at = 0, n;

	(void)state;
	assert_int_equal(chain_make(dir, "one", &e), 0);
	assert_int_equal(chain_open(&c, dir, &got, &e), 0);
	chain_state_release(&got);
	for (int i = 0; i < 5; i++) {
		struct chain_state s = sample(i % 2 ? "odd" : "even", i);

		save(&c, &s);
		buf_clear(&older);
		buf_add(&older, whole.data, whole.len);
		buf_clear(&whole);
		assert_int_equal(file_read(path, &whole, &e), 0);
	}
	chain_close(&c);
	while (whole.data[at] == older.data[at])
		at++;
	for (n = 0; at + n < whole.len && n < 400; n++) {
		assert_int_equal(chain_parse(older.data, older.len, &got, &number, &e), 0);
		/* not yet all of it: the older; all of it: the newer */
		assert_true(got.done == 3 || got.done == 4);
		if (got.done == 4)
			break;
		chain_state_release(&got);
		older.data[at + n] = whole.data[at + n];
	}
	assert_int_equal(got.done, 4);
	chain_state_release(&got);
	assert_int_equal(chain_parse("", 0, &got, &number, &e), -1);
	memset(whole.data, 0, whole.len);
	assert_int_equal(chain_parse(whole.data, whole.len, &got, &number, &e), -1);
}

static void the_largest_call_is_kept_or_dropped(void **state)
{
	CLEAN_STR char *dir = fresh("l"), *token = xcalloc(1, LIMIT_TOKEN + 1),
		       *body = xcalloc(1, KIB(64));
	struct chain c = CHAIN_INIT;
	struct chain_state s, got = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(token, 't', LIMIT_TOKEN);
	memset(body, '"', KIB(8));
	assert_int_equal(chain_make(dir, token, &e), 0);
	assert_int_equal(chain_open(&c, dir, &got, &e), 0);
	chain_state_release(&got);
	s = sample(token, 1);
	s.call = CHAIN_ASK;
	s.path = (char *)"/p";
	s.body = body;
	memcpy(s.key, "key", 4);
	save(&c, &s);
	memset(body, '"', KIB(9));
	save(&c, &s);
	chain_close(&c);
	assert_int_equal(chain_open(&c, dir, &got, &e), 0);
	assert_string_equal(got.token, token);
	assert_null(got.body);
	chain_state_release(&got);
	chain_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_journal_comes_back),
		cmocka_unit_test(damaged_journals_are_refused),
		cmocka_unit_test(reports_come_back_in_order),
		cmocka_unit_test(damaged_outboxes_are_refused),
		cmocka_unit_test(the_chain_comes_back),
		cmocka_unit_test(a_torn_record_leaves_the_one_before),
		cmocka_unit_test(the_largest_call_is_kept_or_dropped),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
