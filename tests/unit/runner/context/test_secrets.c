/* A claim's secrets in the masker: nothing depends on their order, and what does not fit is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner/context/secrets.h"

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static void assert_hidden(struct mask *m, const char *text)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(256));

	mask_feed(m, text, strlen(text), collect, &out);
	mask_end(m, collect, &out);
	assert_string_equal(buf_cstr(&out), "***");
}

static struct job_spec spec_with_tokens(void)
{
	return (struct job_spec){ .token = (char *)"token-of-the-job",
		.checkout_token = (char *)"token-of-checkout" };
}

static void hides_all_forms(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEANUP(strv_release) struct strv too_short = { 0 };
	struct job_spec s = spec_with_tokens();
	struct err e = { 0 };

	(void)state;
	pairs_set(&s.secrets, "KEY", "a/b&c d");
	pairs_set(&s.secrets, "PIN", "123");
	strv_add(&s.mask_values, "a value to mask");
	assert_int_equal(secrets_hide(m, &s, &too_short, &e), 0);
	assert_hidden(m, "a/b&c d");
	assert_hidden(m, "a%2Fb%26c%20d");
	assert_hidden(m, "123");
	assert_hidden(m, "a value to mask");
	assert_hidden(m, "token-of-the-job");
	assert_hidden(m, "token-of-checkout");
	assert_int_equal(too_short.n, 1);
	assert_string_equal(too_short.v[0], "PIN");
	pairs_release(&s.secrets);
	strv_release(&s.mask_values);
}

static void too_long_is_named(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEANUP(strv_release) struct strv too_short = { 0 };
	CLEAN_STR char *large = xcalloc(LIMIT_MASK_VALUE + 2, 1);
	struct job_spec s = spec_with_tokens();
	struct err e = { 0 };

	(void)state;
	memset(large, 'x', LIMIT_MASK_VALUE + 1);
	pairs_set(&s.secrets, "LARGE", large);
	pairs_set(&s.secrets, "AFTER", "after-it");
	assert_int_equal(secrets_hide(m, &s, &too_short, &e), -1);
	assert_true(err_is(&e, ERR_LIMIT));
	assert_non_null(strstr(e.text, "secret LARGE cannot be masked"));
	assert_hidden(m, "after-it");
	assert_hidden(m, "token-of-the-job");
	pairs_release(&s.secrets);
}

/* The forms of twenty such secrets do not fit, the values do. */
static void every_value_is_hidden_before_any_form(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEANUP(strv_release) struct strv too_short = { 0 };
	CLEAN_STR char *value = xcalloc(KIB(48) + 1, 1);
	struct job_spec s = spec_with_tokens();
	struct err e = { 0 };

	(void)state;
	for (int n = 0; n < 20; n++) {
		char c = (char)('a' + n), name[] = { c, '\0' };

		for (size_t i = 0; i < KIB(48); i++)
			value[i] = i % 9 ? c : '&';
		pairs_set(&s.secrets, name, value);
	}
	assert_int_equal(secrets_hide(m, &s, &too_short, &e), -1);
	assert_true(err_is(&e, ERR_LIMIT));
	for (size_t i = 0; i < s.secrets.n; i++)
		assert_hidden(m, s.secrets.v[i].value);
	assert_hidden(m, "token-of-the-job");
	assert_hidden(m, "token-of-checkout");
	pairs_release(&s.secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hides_all_forms),
		cmocka_unit_test(too_long_is_named),
		cmocka_unit_test(every_value_is_hidden_before_any_form),
	};

	return cmocka_run_group_tests_name("secrets", tests, NULL, NULL);
}
