/* The sink writes into a pipe; each case runs in a child so that its settings end with it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"

enum { OUTPUT_MAX = 1 << 20 };

/* What fn logs to fd; the pipe is read while it runs. */
static void capture(void (*fn)(int fd), struct buf *out)
{
	struct err e = { 0 };
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(ends[0]);
		fn(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(fd_read_all(ends[0], out, &e), 0);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool is_timestamp(const char *p)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";

	for (size_t i = 0; form[i]; i++)
		if (form[i] == '0' ? p[i] < '0' || p[i] > '9' : p[i] != form[i])
			return false;
	return true;
}

/* The line behind its timestamp, one per call. */
static char *next_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	assert_non_null(end);
	*end = '\0';
	*text = end + 1;
	assert_true(is_timestamp(line));
	assert_int_equal(line[24], ' ');
	return line + 25;
}

static void log_text(int fd)
{
	struct err e = { 0 };

	log_setup(LOG_INFO, LOG_TEXT, fd);
	log_debug("supervisor", "not_shown");
	log_info("supervisor", "job_claimed", F_INT("job", 42), F_STR("host", "h1"));
	log_context("job", "42");
	log_context("run", "7");
	log_warn("job", "odd", F_STR("a", "two words"), F_STR("b", ""), F_STR("c", NULL),
		F_STR("d", "x\n\x1b[31m\"\\"), F_STR("e", "\xff\xc2\x9b"), F_STR("f", "k=v"));
	log_context("run", NULL);
	log_context("job", "43");
	err_set(&e, ERR_IO, "no space");
	log_error("job", "failed", F_ERR(&e));
}

static void writes_text(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);

	capture(log_text, &out);
	char *p = out.data;
	assert_string_equal(next_line(&p), "info supervisor job_claimed job=42 host=h1");
	assert_string_equal(next_line(&p),
		"warn job odd job=42 run=7 a=\"two words\" b=\"\" c=- d=\"x\\n\\x1b[31m\\\"\\\\\" "
		"e=?? f=\"k=v\"");
	assert_string_equal(next_line(&p), "error job failed job=43 error=\"no space\"");
	assert_string_equal(p, "");
}

static void log_json(int fd)
{
	log_setup(LOG_DEBUG, LOG_JSON, fd);
	log_context("job", "42");
	log_debug("gate", "said", F_STR("text", "a\n\"\xff\xe2\x82\xac"), F_INT("n", -1),
		F_STR("none", NULL));
}

static void writes_json(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);
	struct err e = { 0 };

	capture(log_json, &out);
	assert_int_equal(out.data[out.len - 1], '\n');
	struct json_doc *d CLEAN_JSON = json_parse(out.data, out.len, NULL, &e);
	if (!d) {
		fail_msg("%s", e.text);
		return;
	}
	const struct json_value *v = json_root(d);
	assert_int_equal(v->count, 8);
	assert_true(is_timestamp(json_get_string(v, "ts")));
	assert_string_equal(json_get_string(v, "level"), "debug");
	assert_string_equal(json_get_string(v, "component"), "gate");
	assert_string_equal(json_get_string(v, "event"), "said");
	assert_string_equal(json_get_string(v, "job"), "42");
	assert_string_equal(json_get_string(v, "text"), "a\n\"?\xe2\x82\xac");
	assert_int_equal(json_get_int(v, "n", 0), -1);
	assert_int_equal(json_get(v, "none")->type, JSON_NULL);
}

static void log_secrets(int fd)
{
	log_redact("hunter2hunter2");
	log_redact("hunter2hunter2-longer");
	log_redact("quoted\"secret\nline");
	log_redact("short");
	log_redact(NULL);
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		log_setup(LOG_INFO, (enum log_format)format, fd);
		log_context("ctx", "xhunter2hunter2x");
		log_info("c", "e", F_STR("a", "1hunter2hunter2hunter2hunter22"),
			F_STR("b", "hunter2hunter2-longer"), F_STR("c", "quoted\"secret\nline"),
			F_STR("d", "short"));
	}
	setenv("SHITHUB_TRACE", "all", 1);
	trace("http", "GET %s", "/hunter2hunter2");
	trace("http", "%4090s", "hunter2hunter2");
}

static void redacts(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);

	capture(log_secrets, &out);
	char *p = out.data;
	assert_null(strstr(p, "hunter2h"));
	assert_null(strstr(p, "quoted"));
	assert_string_equal(next_line(&p), "info c e ctx=x***x a=1******2 b=*** c=*** d=short");
	assert_non_null(
		strstr(p, "\"ctx\":\"x***x\",\"a\":\"1******2\",\"b\":\"***\",\"c\":\"***\","
			  "\"d\":\"short\""));
}

static void log_much(int fd)
{
	char *big = xmalloc(200001);

	memset(big, 'b', 200000);
	big[200000] = '\0';
	for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
		log_setup(LOG_INFO, (enum log_format)format, fd);
		log_info("c", "one", F_STR("big", big), F_INT("n", 5));
		log_info("c", "many", F_STR("a", big), F_STR("b", big), F_STR("c", big),
			F_STR("d", big), F_STR("e", big), F_STR("f", big), F_STR("g", big),
			F_STR("h", big), F_STR("i", big), F_STR("j", big), F_STR("k", big),
			F_STR("l", big), F_STR("m", big), F_STR("n", big), F_STR("o", big),
			F_STR("p", big), F_STR("q", big));
	}
	free(big);
}

static void cuts_what_is_long(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);

	capture(log_much, &out);
	char *p = out.data, *line = next_line(&p);
	assert_true(strlen(line) < 5000);
	assert_non_null(strstr(line, "bbb\xe2\x80\xa6 n=5"));
	line = next_line(&p);
	assert_true(str_starts(line, "info c many a=bbb"));
	size_t lines = 0;
	for (char *end; (end = strchr(p, '\n')); p = end + 1, lines++) {
		struct err e = { 0 };

		struct json_doc *d CLEAN_JSON = json_parse(p, (size_t)(end - p), NULL, &e);
		assert_non_null(d);
		assert_string_equal(json_get_string(json_root(d), "event"), lines ? "many" : "one");
	}
	assert_int_equal(lines, 2);
}

static void trace_some(int fd)
{
	setenv("SHITHUB_TRACE", "http, bogus", 1);
	log_setup(LOG_INFO, LOG_TEXT, fd);
	if (!trace_on("http") || trace_on("engine"))
		_exit(1);
	trace("engine", "hidden");
	trace("http", "a%s", "\nb");
}

static void traces_named_topics(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);

	capture(trace_some, &out);
	char *p = out.data, *line;
	assert_string_equal(next_line(&p), "warn log trace_topic_unknown topic=bogus");
	line = next_line(&p);
	assert_true(str_starts(line, "trace http["));
	assert_true(str_ends(line, "] a\\nb"));
	assert_string_equal(p, "");
}

static void trace_nothing(int fd)
{
	unsetenv("SHITHUB_TRACE");
	log_setup(LOG_INFO, LOG_TEXT, fd);
	trace("http", "hidden");
	if (trace_on("http"))
		_exit(1);
}

static void traces_nothing_by_default(UNUSED void **state)
{
	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX);

	capture(trace_nothing, &out);
	assert_int_equal(out.len, 0);
}

static void trace_to_file(int fd)
{
	char value[128];

	snprintf(value, sizeof(value), "all:%s", getenv("TRACE_FILE"));
	setenv("SHITHUB_TRACE", value, 1);
	log_setup(LOG_INFO, LOG_TEXT, fd);
	trace("gate", "to the file");
}

static void traces_into_a_file(UNUSED void **state)
{
	char dir[] = "/tmp/log-test-XXXXXX";

	struct buf out CLEAN_BUF = BUF_INIT(OUTPUT_MAX), text CLEAN_BUF = BUF_INIT(OUTPUT_MAX);
	struct err e = { 0 };
	struct stat st;

	assert_non_null(mkdtemp(dir));
	char *path CLEAN_STR = path_join(dir, "trace");
	setenv("TRACE_FILE", path, 1);
	capture(trace_to_file, &out);
	assert_int_equal(out.len, 0);
	assert_int_equal(file_read(path, &text, &e), 0);
	assert_true(str_ends(buf_cstr(&text), "] to the file\n"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	unlink(path);
	rmdir(dir);
}

static void parses_names(UNUSED void **state)
{
	enum log_format format = LOG_TEXT;

	assert_int_equal(log_format_parse("json", &format), 0);
	assert_int_equal(format, LOG_JSON);
	assert_int_equal(log_format_parse("yaml", &format), -1);
}

/* A flood says so many lines a minute, and then how many it has left out. */
static void limits_a_kind_of_line(UNUSED void **state)
{
	struct log_limit l = { 0 };
	struct mono now = { 5 * USEC_PER_SEC };
	int64_t left_out = -1;
	size_t said = 0;

	for (int i = 0; i < 1000; i++)
		said += log_limit_pass(&l, now, &left_out);
	assert_int_equal(LOG_LIMIT, said);
	assert_int_equal(0, left_out);
	assert_false(log_limit_pass(&l, mono_add(now, 60 * USEC_PER_SEC), &left_out));
	assert_true(log_limit_pass(&l, mono_add(now, 61 * USEC_PER_SEC), &left_out));
	assert_int_equal(1000 - LOG_LIMIT + 1, left_out);
	assert_true(log_limit_pass(&l, mono_add(now, 62 * USEC_PER_SEC), &left_out));
	assert_int_equal(0, left_out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_text),
		cmocka_unit_test(writes_json),
		cmocka_unit_test(redacts),
		cmocka_unit_test(cuts_what_is_long),
		cmocka_unit_test(traces_named_topics),
		cmocka_unit_test(traces_nothing_by_default),
		cmocka_unit_test(traces_into_a_file),
		cmocka_unit_test(parses_names),
		cmocka_unit_test(limits_a_kind_of_line),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
