/* The report on a terminal: order, lines, slow and vanishing readers. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "runner/report/terminal.h"

struct fixture {
	struct loop *loop;
	struct job_spec job;
	struct step_spec steps[2];
	struct report *report;
	struct spool spool;
	int in, out; /* what the report wrote, where it writes */
	int gone;
	struct buf said;
	struct loop_source *reader;
	bool over;
};

static void on_gone(void *data)
{
	struct fixture *f = data;

	f->gone++;
}

static void begin_shared(struct fixture *f, bool color, bool shared)
{
	f->report = terminal_report_new(&(struct terminal_report_spec){ .loop = f->loop,
		.job = &f->job,
		.fd = f->out,
		.color = color,
		.shared = shared,
		.on_gone = on_gone,
		.data = f });
}

static void begin(struct fixture *f, bool color)
{
	begin_shared(f, color, false);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };
	char path[] = "/tmp/test-report-XXXXXX";
	int pair[2], fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	f->loop = loop_new(&e);
	assert_int_equal(spool_open(&f->spool, path, &e), 0);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	f->in = pair[0];
	f->out = pair[1];
	f->job.job_name = (char *)"build (linux)";
	f->job.steps.v = f->steps;
	f->job.steps.n = 2;
	f->steps[0] = (struct step_spec){ .id = 11, .name = (char *)"Compile\tit" };
	f->steps[1] = (struct step_spec){ .id = 12, .run = (char *)"\n make test\nmore\n" };
	buf_init(&f->said, MIB(16));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	report_free(f->report);
	spool_release(&f->spool);
	loop_source_unref(&f->reader);
	loop_free(f->loop);
	close_fdp(&f->in);
	close_fdp(&f->out);
	buf_release(&f->said);
	free(f);
	return 0;
}

static void flush(struct fixture *f)
{
	struct err e = { 0 };
	char block[KIB(16)];
	ssize_t n;

	if (report_flush(f->report, mono_add(mono_now(), 10 * USEC_PER_SEC), &e) < 0)
		fail_msg("%s", e.text);
	fcntl(f->in, F_SETFL, O_NONBLOCK);
	while ((n = read(f->in, block, sizeof(block))) > 0)
		buf_add(&f->said, block, (size_t)n);
}

static void append(struct fixture *f, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(spool_append(&f->spool, text, strlen(text), &e), 0);
	report_wake(f->report);
}

static void step(struct fixture *f, int64_t id, const char *status, const char *conclusion)
{
	report_step_status(f->report, id,
		&(struct report_status){ .status = status,
			.conclusion = conclusion,
			.started_at = { 1000000 },
			.completed_at = { conclusion ? 2500000 : 0 } });
}

static void job(struct fixture *f, const char *status, const char *conclusion)
{
	report_job_status(
		f->report, &(struct report_status){ .status = status, .conclusion = conclusion });
}

static void a_whole_job(struct fixture *f)
{
	job(f, "running", NULL);
	step(f, 11, "running", NULL);
	report_log(f->report, 11, &f->spool);
	append(f, "one\ntwo");
	spool_close(&f->spool);
	report_wake(f->report);
	step(f, 11, "completed", "success");
	step(f, 12, "running", NULL);
	step(f, 12, "completed", "failure");
	assert_false(report_final_accepted(f->report));
	job(f, "completed", "failure");
	flush(f);
	assert_true(report_final_accepted(f->report));
}

static void plain(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	a_whole_job(f);
	assert_string_equal(buf_cstr(&f->said), "━━ build (linux)\n"
						"▶ Compile?it\n"
						"one\ntwo\n"
						"✓ Compile?it  1.5 s\n"
						"▶ Run make test …\n"
						"✗ Run make test …  failure  1.5 s\n"
						"✗ build (linux)  failure\n\n");
}

static void colored(void **state)
{
	struct fixture *f = *state;

	begin(f, true);
	a_whole_job(f);
	assert_non_null(strstr(buf_cstr(&f->said), "\033[1;36m▶ Compile?it\033[0m\n"));
	assert_non_null(strstr(buf_cstr(&f->said), "two\033[0m\n\033[32m✓ Compile?it\033[0m"));
	assert_non_null(strstr(buf_cstr(&f->said), "\033[31m✗ build (linux)  failure\033[0m\n"));
}

/* Written over by the next text and by whatever else comes; a file or pipe gets none of it. */
static void progress_passes(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	begin(f, true);
	report_log(f->report, 11, &f->spool);
	append(f, "begin\n");
	assert_int_equal(report_flush(f->report, mono_add(mono_now(), 50 * USEC_PER_MSEC), &e), -1);
	assert_true(report_progress(f->report, "1 of 2"));
	assert_true(report_progress(f->report, "2 of 2"));
	append(f, "end\n");
	spool_close(&f->spool);
	report_wake(f->report);
	assert_true(report_note(f->report, "a note"));
	flush(f);
	assert_true(report_progress(f->report, "more"));
	assert_true(report_progress(f->report, NULL));
	flush(f);
	assert_string_equal(buf_cstr(&f->said),
		"begin\n\r\033[K1 of 2\r\033[K2 of 2\r\033[Kend\n\033[0ma note\n"
		"\r\033[Kmore\r\033[K");
}

static void progress_needs_a_terminal(void **state)
{
	struct fixture *f = *state;

	begin(f, false);
	assert_false(report_progress(f->report, "1 of 2"));
	flush(f);
	assert_string_equal(buf_cstr(&f->said), "");
}

/* Later lines wait until the step's log is closed; its bytes do not wait. */
static void log_holds_the_queue(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	begin(f, false);
	report_log(f->report, 11, &f->spool);
	append(f, "first\n");
	step(f, 12, "running", NULL);
	assert_int_equal(report_flush(f->report, mono_add(mono_now(), 20 * USEC_PER_MSEC), &e), -1);
	assert_int_equal(e.class, ERR_TIMEOUT);
	assert_int_equal(spool_pending(&f->spool), 0);
	append(f, "second\n");
	spool_close(&f->spool);
	flush(f);
	assert_string_equal(buf_cstr(&f->said), "first\nsecond\n▶ Run make test …\n");
}

static void on_readable(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct fixture *f = data;
	char block[KIB(64)];
	ssize_t n = read(fd, block, sizeof(block));

	(void)s, (void)events;
	if (n > 0)
		buf_add(&f->said, block, (size_t)n);
}

/* More than a pipe holds: what does not fit waits in the spool and nobody blocks. */
static void slow_reader(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };
	struct buf line = BUF_INIT(KIB(2));

	begin(f, false);
	report_log(f->report, 11, &f->spool);
	for (int i = 0; i < 1000; i++)
		buf_addc(&line, (char)('a' + i % 26));
	for (int i = 0; i < 1000; i++)
		append(f, buf_cstr(&line));
	spool_close(&f->spool);
	assert_int_equal(report_flush(f->report, mono_add(mono_now(), 20 * USEC_PER_MSEC), &e), -1);
	assert_true(spool_pending(&f->spool) > 500000);
	f->reader = loop_io(f->loop, f->in, EPOLLIN, on_readable, f);
	flush(f);
	assert_int_equal(f->said.len, 1000000);
	assert_memory_equal(f->said.data + 999000, line.data, 1000);
	buf_release(&line);
}

static void reader_gone(void **state)
{
	struct fixture *f = *state;
	struct err e = { 0 };

	begin(f, false);
	job(f, "running", NULL);
	close_fdp(&f->in);
	job(f, "completed", "success");
	assert_int_equal(report_flush(f->report, mono_add(mono_now(), 10 * USEC_PER_SEC), &e), -1);
	assert_int_equal(e.class, ERR_IO);
	assert_int_equal(f->gone, 1);
	assert_false(report_final_accepted(f->report));
	report_log(f->report, 11, &f->spool);
	append(f, "dropped\n");
	step(f, 11, "completed", "success");
	assert_int_equal(f->gone, 1);
}

/* A file is no pipe: epoll does not know it, and it needs no waiting. */
/* Each line has the job's name in front, and the last one ends. */
static void shared_output(void **state)
{
	struct fixture *f = *state;

	begin_shared(f, false, true);
	assert_true(report_note(f->report, "a note\x1b"));
	a_whole_job(f);
	assert_string_equal(buf_cstr(&f->said),
		"build (linux) | a note?\n"
		"━━ build (linux)\n"
		"build (linux) | ▶ Compile?it\n"
		"build (linux) | one\n"
		"build (linux) | two\n"
		"build (linux) | ✓ Compile?it  1.5 s\n"
		"build (linux) | ▶ Run make test …\n"
		"build (linux) | ✗ Run make test …  failure  1.5 s\n"
		"✗ build (linux)  failure\n");
}

static void into_a_file(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/test-report-XXXXXX";
	struct err e = { 0 };

	close(f->out);
	f->out = mkstemp(path);
	assert_true(f->out >= 0);
	unlink(path);
	begin(f, false);
	a_whole_job(f);
	assert_int_equal(lseek(f->out, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(f->out, &f->said, &e), 0);
	assert_true(str_starts(buf_cstr(&f->said), "━━ build (linux)\n▶ Compile?it\none\n"));
	assert_true(str_ends(buf_cstr(&f->said), "✗ build (linux)  failure\n\n"));
}

static void names(void **state)
{
	static const struct {
		const char *name, *run, *uses, *shown;
	} cases[] = {
		{ "Named", "x", NULL, "Named" },
		{ NULL, "make", NULL, "Run make" },
		{ "", "  \n\tmake\n\n", NULL, "Run make" },
		{ NULL, "a\nb", NULL, "Run a …" },
		{ NULL, "", "actions/checkout@v4", "Run actions/checkout@v4" },
		{ "esc\033[31m", NULL, NULL, "esc?[31m" },
		{ "next\xc2\x85line \xe2\x80\xae", NULL, NULL, "next?line ?" },
		{ NULL, NULL, NULL, "Run " },
	};
	char wide[400] = "";
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *name =
			terminal_step_name(cases[i].name, cases[i].run, cases[i].uses);

		assert_string_equal(name, cases[i].shown);
	}
	for (size_t i = 0; i < 100; i++)
		memcpy(wide + 3 * i, "€", 4);
	CLEAN_STR char *cut = terminal_step_name(wide, NULL, NULL);
	assert_int_equal(strlen(cut), 120 + strlen(" …"));
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(plain),
		WITH(colored),
		WITH(progress_passes),
		WITH(progress_needs_a_terminal),
		WITH(log_holds_the_queue),
		WITH(slow_reader),
		WITH(reader_gone),
		WITH(shared_output),
		WITH(into_a_file),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("local_report", tests, NULL, NULL);
}
