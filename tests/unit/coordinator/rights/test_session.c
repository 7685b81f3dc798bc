/* Passwords and sessions: what lets somebody in, for how long, and what ends it. */
#include "coordinator/rights/owner.h"
#include "coordinator/rights/password.h"
#include "coordinator/rights/session.h"
#include "tests/unit/help/coordinator_help.h"

static void test_passwords(void **state UNUSED)
{
	static const char *const broken[] = { "", "scrypt", "scrypt:15:8:1:", "scrypt:15:8:1:zz:zz",
		"scrypt:14:8:1:00000000000000000000000000000000:00" };
	char a[PASSWORD_DIGEST_MAX], b[PASSWORD_DIGEST_MAX];
	struct err e = { 0 };

	must_err(password_digest("correct horse", a, &e));
	must_err(password_digest("correct horse", b, &e));
	assert_string_not_equal(a, b);
	assert_null(strstr(a, "horse"));
	assert_true(password_fits(a, "correct horse"));
	assert_false(password_fits(a, "correct horsf"));
	assert_false(password_fits(a, ""));
	assert_false(password_fits(NULL, "correct horse"));
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_false(password_fits(broken[i], "correct horse"));
	a[strlen(a) - 1] = a[strlen(a) - 1] == '0' ? '1' : '0';
	assert_false(password_fits(a, "correct horse"));
	assert_int_equal(-1, password_digest("seven77", a, &e));
	assert_true(err_is(&e, ERR_INPUT));
}

static int find(struct world *w, const unsigned char *sha, int64_t at_us)
{
	CLEANUP(session_row_release) struct session_row row = { 0 };
	struct err e = { 0 };
	int rc = store_session_find(w->app.store, sha, (struct wall){ at_us }, &row, &e);

	assert_true(rc == 0 || err_is(&e, ERR_AUTH));
	return rc;
}

static void test_sessions(void **state UNUSED)
{
	const unsigned char sha[SHA256_LEN] = { 1 }, other[SHA256_LEN] = { 2 };
	const struct wall now = wall_now();
	struct world w;
	CLEANUP(session_list_release) struct session_list l = { 0 };
	CLEAN_STR char *digest = NULL;
	int64_t user, found;

	world_open(&w);
	user = world_user(&w, "ada", false);
	must(store_password_set(w.app.store, user, "first", NULL));
	must(store_session_add(w.app.store, user, "first", sha, "Browser <b>", now, NULL));
	must(find(&w, sha, now.us));
	assert_int_equal(-1, find(&w, other, now.us));
	assert_int_equal(-1, find(&w, sha, now.us + SESSION_LIFETIME_US));
	must(store_session_list(w.app.store, user, now, &l, NULL));
	assert_int_equal(1, l.n);
	/* nobody ends another's */
	assert_int_equal(-1, store_session_end(w.app.store, user + 1, l.v[0].id, NULL));
	must(store_user_set_disabled(w.app.store, user, now, NULL));
	assert_int_equal(-1, find(&w, sha, now.us));
	/* and it does not come back */
	must(store_user_set_disabled(w.app.store, user, (struct wall){ 0 }, NULL));
	assert_int_equal(-1, find(&w, sha, now.us));
	must(store_session_add(w.app.store, user, "first", sha, "", now, NULL));
	must(find(&w, sha, now.us));
	/* another password ends all of them */
	must(store_password_set(w.app.store, user, "digest", NULL));
	assert_int_equal(-1, find(&w, sha, now.us));
	must(store_password_get(w.app.store, "ADA", &found, &digest, NULL));
	assert_int_equal(user, found);
	assert_string_equal("digest", digest);
	world_close(&w);
}

/* Between the check of a password and the session, the user changes. */
static void test_session_of_old_password(void **state UNUSED)
{
	const unsigned char sha[SHA256_LEN] = { 1 };
	const struct wall now = wall_now();
	struct world w;
	int64_t user;
	struct err e = { 0 };

	world_open(&w);
	user = world_user(&w, "ada", false);
	assert_int_equal(-1, store_session_add(w.app.store, user, "first", sha, "", now, &e));
	must(store_password_set(w.app.store, user, "second", NULL));
	e = (struct err){ 0 };
	assert_int_equal(-1, store_session_add(w.app.store, user, "first", sha, "", now, &e));
	assert_true(err_is(&e, ERR_AUTH));
	must(store_user_set_disabled(w.app.store, user, now, NULL));
	e = (struct err){ 0 };
	assert_int_equal(-1, store_session_add(w.app.store, user, "second", sha, "", now, &e));
	assert_true(err_is(&e, ERR_AUTH));
	assert_int_equal(-1, find(&w, sha, now.us));
	must(store_user_set_disabled(w.app.store, user, (struct wall){ 0 }, NULL));
	must(store_session_add(w.app.store, user, "second", sha, "", now, NULL));
	must(find(&w, sha, now.us));
	world_close(&w);
}

static void test_many_sessions(void **state UNUSED)
{
	const struct wall now = wall_now();
	struct world w;
	CLEANUP(session_list_release) struct session_list l = { 0 };
	int64_t user;

	world_open(&w);
	user = world_user(&w, "ada", false);
	must(store_password_set(w.app.store, user, "digest", NULL));
	for (int i = 0; i < SESSIONS_OF_USER + 10; i++) {
		unsigned char sha[SHA256_LEN] = { (unsigned char)i };

		must(store_session_add(w.app.store, user, "digest", sha, "", now, NULL));
	}
	must(store_session_list(w.app.store, user, now, &l, NULL));
	assert_int_equal(SESSIONS_OF_USER, l.n);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_session_of_old_password),
		cmocka_unit_test(test_many_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
