/* Whom a subject at a provider is bound to: once, and by nothing but a link or an invitation. */
#include "coordinator/rights/identity.h"
#include "coordinator/rights/owner.h"
#include "coordinator/rights/session.h"
#include "tests/unit/help/coordinator_help.h"

#define A "https://a.example"
#define B "https://b.example"

/* The user that the subject is bound to; 0: none. */
static int64_t bound(struct world *w, const char *issuer, const char *subject)
{
	CLEANUP(identity_row_release) struct identity_row row = { 0 };
	struct err e = { 0 };

	if (store_identity_find(w->app.store, issuer, subject, wall_now(), &row, &e) == 0)
		return row.user_id;
	assert_true(err_is(&e, ERR_NOT_FOUND));
	return 0;
}

static void test_links(void **state UNUSED)
{
	const struct wall now = wall_now();
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	int64_t ada = world_user(&w, "ada", false), eve = world_user(&w, "eve", false);
	must(store_identity_link(w.app.store, ada, A, "1", now, NULL));
	assert_int_equal(ada, bound(&w, A, "1"));
	assert_int_equal(0, bound(&w, B, "1"));
	assert_int_equal(0, bound(&w, A, "2"));
	/* the subject of one user is no other's, but may be somebody else's elsewhere */
	assert_int_equal(-1, store_identity_link(w.app.store, eve, A, "1", now, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	must(store_identity_link(w.app.store, eve, B, "1", now, NULL));
	assert_int_equal(eve, bound(&w, B, "1"));
	/* another subject takes the place of the first */
	must(store_identity_link(w.app.store, ada, A, "2", now, NULL));
	assert_int_equal(0, bound(&w, A, "1"));
	assert_int_equal(ada, bound(&w, A, "2"));
	must(store_identity_unlink(w.app.store, ada, NULL));
	assert_int_equal(0, bound(&w, A, "2"));
	assert_int_equal(-1, store_identity_unlink(w.app.store, ada, NULL));
	world_close(&w);
}

static bool comes_as(struct world *w, const char *subject, const char *login, struct wall now)
{
	bool accepted = false;
	struct err e = { 0 };

	must_err(store_identity_accept(w->app.store, A, subject, login, now, &accepted, &e));
	return accepted;
}

static void test_invitations(void **state UNUSED)
{
	const struct wall now = wall_now();
	const struct wall late = { now.us + IDENTITY_INVITED_US };
	struct world w;

	world_open(&w);
	int64_t ada = world_user(&w, "ada", false);
	assert_false(comes_as(&w, "1", "ada", now)); /* nobody invited her */
	must(store_identity_link(w.app.store, ada, B, NULL, now, NULL));
	assert_false(comes_as(&w, "1", "ada", now)); /* from elsewhere */
	must(store_identity_link(w.app.store, ada, A, NULL, now, NULL));
	assert_false(comes_as(&w, "1", "eve", now));
	assert_false(comes_as(&w, "1", "ada", late));
	assert_true(comes_as(&w, "1", "ADA", now));
	assert_int_equal(ada, bound(&w, A, "1"));
	/* once */
	assert_false(comes_as(&w, "2", "ada", now));
	assert_int_equal(0, bound(&w, A, "2"));
	world_close(&w);
}

static int session(struct world *w, int64_t user, int64_t identity, unsigned char token)
{
	const unsigned char sha[SHA256_LEN] = { token };
	struct err e = { 0 };
	int rc = store_session_add_linked(w->app.store, user, identity, sha, "", wall_now(), &e);

	assert_true(rc == 0 || err_is(&e, ERR_AUTH));
	return rc;
}

static bool goes_on(struct world *w, unsigned char token)
{
	CLEANUP(session_row_release) struct session_row row = { 0 };
	const unsigned char sha[SHA256_LEN] = { token };
	struct err e = { 0 };

	return store_session_find(w->app.store, sha, wall_now(), &row, &e) == 0;
}

static void test_sessions(void **state UNUSED)
{
	const struct wall now = wall_now();
	CLEANUP(identity_list_release) struct identity_list l = { 0 };
	struct world w;

	world_open(&w);
	int64_t ada = world_user(&w, "ada", false), eve = world_user(&w, "eve", false);
	must(store_identity_link(w.app.store, ada, A, "1", now, NULL));
	must(store_identity_list(w.app.store, ada, &l, NULL));
	assert_int_equal(1, l.n);
	must(session(&w, ada, l.v[0].id, 1));
	assert_true(goes_on(&w, 1));
	/* of that user, by that identity */
	assert_int_equal(-1, session(&w, eve, l.v[0].id, 2));
	assert_int_equal(-1, session(&w, ada, l.v[0].id + 1, 2));
	assert_int_equal(-1, session(&w, ada, 0, 2));
	/* what ends the link ends what came of it */
	must(store_identity_unlink(w.app.store, ada, NULL));
	assert_false(goes_on(&w, 1));
	assert_int_equal(-1, session(&w, ada, l.v[0].id, 3));
	must(store_identity_link(w.app.store, ada, A, "1", now, NULL));
	identity_list_release(&l);
	must(store_identity_list(w.app.store, ada, &l, NULL));
	must(store_user_set_disabled(w.app.store, ada, now, NULL));
	assert_int_equal(-1, session(&w, ada, l.v[0].id, 4));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_invitations),
		cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
