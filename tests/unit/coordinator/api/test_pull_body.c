/* Bodies of the host's events: what is read, and what is refused with the name of its field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "coordinator/api/pull_body.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEAD "\"head\":{\"sha\":\"" SHA "\",\"ref\":\"topic\",\"repo\":\"eve/fork\"}"
#define BASE "\"base\":{\"ref\":\"trunk\"}"
#define REST "\"action\":\"opened\",\"title\":\"T\",\"author\":\"eve\"," HEAD "," BASE

static void test_a_whole_body(void **state)
{
	static const char text[] = "{\"number\":7,\"body\":\"B\",\"author_association\":\"NONE\","
				   "\"sender\":\"dependabot[bot]\",\"draft\":true,\"merged\":true,"
				   "\"labels\":[\"a\",\"b\"],\"label\":\"a\","
				   "\"merge_commit_sha\":\"" SHA "\"," REST "}";
	struct pull_body b = { 0 };
	struct err e = { 0 };

	(void)state;
	if (pull_body_parse((struct slice){ text, sizeof(text) - 1 }, &b, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(7, b.number);
	assert_string_equal("opened", b.action);
	assert_string_equal("B", b.text);
	assert_string_equal("dependabot[bot]", b.sender);
	assert_string_equal("NONE", b.association);
	assert_string_equal(SHA, b.head.sha);
	assert_string_equal("topic", b.head.ref);
	assert_string_equal("eve/fork", b.head.repo);
	assert_string_equal("trunk", b.base.ref);
	assert_null(b.base.sha);
	assert_string_equal(SHA, b.merge_sha);
	assert_int_equal(2, b.labels.n);
	assert_string_equal("a", b.label);
	assert_true(b.draft && b.merged);
	pull_body_release(&b);
}

/* Each stands in front of a body that is whole without it, so that the key itself is to blame; a
 * key that is there already is a duplicate. */
static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "[]", "expected an object" },
		{ "{", "JSON offset" },
		{ "{" REST ",\"surprise\":1}", "\"surprise\"" },
		{ "{" REST ",\"title\":\"again\"}", "duplicate" },
		{ "{\"action\":\"opened\",\"title\":\"T\",\"author\":\"eve\"," BASE "}",
			"field \"head\"" },
		{ "{\"action\":\"opened\",\"title\":\"T\"," HEAD "," BASE "}", "field \"author\"" },
		{ "{\"action\":\"op ened\"}", "field \"action\": expected one of: assigned" },
		{ "{\"action\":\"\"}", "field \"action\"" },
		{ "{" REST ",\"number\":0}", "field \"number\"" },
		{ "{" REST ",\"number\":2147483648}", "field \"number\"" },
		{ "{" REST ",\"sender\":\"\"}", "field \"sender\": expected 1 to 100" },
		{ "{" REST ",\"sender\":\"-x\"}", "field \"sender\"" },
		{ "{" REST ",\"sender\":\"a b\"}", "field \"sender\"" },
		{ "{" REST ",\"sender\":\"a\\u00e9\"}", "field \"sender\"" },
		{ "{" REST ",\"label\":\"\"}", "field \"label\"" },
		{ "{" REST ",\"labels\":[\"\"]}", "field \"labels\": expected texts" },
		{ "{" REST ",\"labels\":\"a\"}", "field \"labels\": expected a list" },
		{ "{" REST ",\"merge_commit_sha\":\"A" SHA "\"}",
			"field \"merge_commit_sha\": expected 40" },
		{ "{" REST ",\"merged\":1}", "field \"merged\"" },
		{ "{" REST ",\"author_association\":\"none\"}",
			"field \"author_association\": expected OWNER" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct pull_body b = { 0 };
		struct err e = { 0 };

		if (pull_body_parse(slice_of(rows[i].text), &b, &e) == 0)
			fail_msg("accepted %s", rows[i].text);
		if (!strstr(e.text, rows[i].words) || e.class != ERR_INPUT)
			fail_msg("%s: %s", rows[i].text, e.text);
		pull_body_release(&b);
	}
}

/* One byte more than the cap is refused, the cap itself is not. */
static void test_caps(void **state)
{
	static const struct {
		const char *key;
		size_t max;
	} rows[] = { { "body", PULL_TEXT_MAX }, { "label", PULL_LABEL_MAX },
		{ "sender", PULL_LOGIN_MAX } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t more = 0; more < 2; more++) {
			CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
			struct pull_body b = { 0 };
			struct err e = { 0 };

			buf_addf(&text, "{" REST ",\"%s\":\"", rows[i].key);
			for (size_t k = 0; k < rows[i].max + more; k++)
				buf_addc(&text, 'x');
			buf_adds(&text, "\"}");
			int rc = pull_body_parse((struct slice){ text.data, text.len }, &b, &e);
			if (rc != (more ? -1 : 0))
				fail_msg("%s + %zu: %s", rows[i].key, more, e.text);
			pull_body_release(&b);
		}
}

static void test_approvals(void **state)
{
	struct approve_body b = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(0, approve_parse(slice_of(""), &b, &e));
	assert_false(b.secrets);
	assert_int_equal(0, approve_parse(slice_of("{\"reason\":\"r\",\"secrets\":true}"), &b, &e));
	assert_true(b.secrets);
	assert_string_equal("r", b.reason);
	approve_release(&b);
	assert_int_equal(-1, approve_parse(slice_of("{\"secret\":true}"), &b, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_body),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_approvals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
