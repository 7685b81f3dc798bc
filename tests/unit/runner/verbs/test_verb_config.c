/* `config check`: exit codes, the JSON that tools read, and that no secret is printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/exits.h"
#include "base/json.h"
#include "base/limits.h"
#include "runner/verbs/config.h"
#include "tests/unit/help/output.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char config_path[64]; /* set in main, one for each process */

/* Runs the verb on this file; what it printed is in out and errors. */
static int check(const char *text, const char *flag, struct buf *out, struct buf *errors)
{
	char *argv[] = { "check", "--config", config_path, (char *)flag, NULL };
	struct err e = { 0 };

	assert_int_equal(file_replace(config_path, text, strlen(text), 0600, &e), 0);
	struct output caught_out = output_catch(STDOUT_FILENO);
	struct output caught_err = output_catch(STDERR_FILENO);
	int rc = verb_config_check(flag ? 4 : 3, argv);
	output_give_back(&caught_err, errors);
	output_give_back(&caught_out, out);
	unlink(config_path);
	return rc;
}

static struct json_doc *parse(const struct buf *out)
{
	struct err e = { 0 };
	struct json_doc *d = json_parse(out->data, out->len, NULL, &e);

	if (!d)
		fail_msg("%s", e.text);
	return d;
}

static const struct json_value *value_of(const struct json_value *root, const char *key)
{
	json_array_each (v, json_get(root, "values")) {
		if (str_eq(json_get_string(v, "key"), key))
			return v;
	}
	fail_msg("no %s", key);
	return NULL;
}

static const char valid[] = "[server]\nbase_url = 'http://h.example/'\n[runner]\n"
			    "token = '" TOKEN "'\nlabels = ['a', 'b']\ncapacity = 3\n";

static void test_valid_json(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1)), errors = BUF_INIT(MIB(1));
	CLEAN_STR char *source = xasprintf("%s:5", config_path);

	(void)state;
	assert_int_equal(check(valid, "--output=json", &out, &errors), EXIT_OK);
	assert_null(strstr(out.data, TOKEN));
	CLEAN_JSON struct json_doc *d = parse(&out);
	const struct json_value *root = json_root(d);
	assert_true(json_get_bool(root, "valid", false));
	const struct json_value *v = value_of(root, "runner.labels");
	assert_int_equal(json_get(v, "value")->count, 2);
	assert_string_equal(json_get_string(v, "origin"), "file");
	assert_string_equal(json_get_string(v, "source"), source);
	assert_int_equal(json_get_int(value_of(root, "runner.capacity"), "value", 0), 3);
	assert_string_equal(json_get_string(value_of(root, "runner.token"), "value"), "***");
	assert_string_equal(json_get_string(value_of(root, "engine.memory"), "value"), "2g");
	assert_string_equal(json_get_string(value_of(root, "engine.memory"), "origin"), "default");
	assert_int_equal(json_get(value_of(root, "engine.socket"), "value")->type, JSON_NULL);
	assert_int_equal(json_get(root, "warnings")->count, 1);
}

static void test_invalid_json(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1)), errors = BUF_INIT(MIB(1));

	(void)state;
	assert_int_equal(
		check("[runner]\ncapacity = 0\nx\\y = 1\n", "--output=json", &out, &errors),
		EXIT_USAGE);
	buf_clear(&out);
	assert_int_equal(
		check("[runner]\ncapacity = 0\n'\t' = 1\n", "--output=json", &out, &errors),
		EXIT_USAGE);
	CLEAN_JSON struct json_doc *d = parse(&out);
	const struct json_value *list = json_get(json_root(d), "errors");
	assert_false(json_get_bool(json_root(d), "valid", true));
	assert_int_equal(list->count, 2);
	assert_string_equal(json_get_string(list->items[0], "file"), config_path);
	assert_int_equal(json_get_int(list->items[0], "line", 0), 2);
	assert_int_equal(json_get_int(list->items[0], "column", 0), 12);
	assert_string_equal(json_get_string(list->items[0], "key"), "runner.capacity");
	assert_non_null(strstr(json_get_string(list->items[0], "message"), "from 1 to 64"));
	assert_int_equal(json_get_int(list->items[1], "line", 0), 3);
}

static void test_text(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1)), errors = BUF_INIT(MIB(1));

	(void)state;
	assert_int_equal(check(valid, NULL, &out, &errors), EXIT_OK);
	assert_null(strstr(out.data, TOKEN));
	assert_non_null(strstr(out.data, "runner.token = \"***\"  # file /tmp/"));
	assert_non_null(strstr(out.data, "runner.labels = [\"a\", \"b\"]  # file"));
	assert_non_null(strstr(out.data, "engine.socket = (unset)  # default\n"));
	assert_non_null(strstr(errors.data, "warning: server.base_url"));
	buf_clear(&out);
	buf_clear(&errors);
	assert_int_equal(check("[runner]\ncapacity = 0\n", NULL, &out, &errors), EXIT_USAGE);
	assert_int_equal(out.len, 0);
	assert_non_null(strstr(errors.data, "toml:2:12: runner.capacity: \"0\" refused"));
	buf_clear(&out);
	assert_int_equal(check(valid, "--output=xml", &out, &errors), EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_json),
		cmocka_unit_test(test_invalid_json),
		cmocka_unit_test(test_text),
	};

	snprintf(config_path, sizeof(config_path), "/tmp/test-verb-config-%d.toml", (int)getpid());
	return cmocka_run_group_tests_name("verb_config", tests, NULL, NULL);
}
