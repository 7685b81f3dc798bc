/*
 * Users, organisations and roles: who has which role on which repository, however the repository is
 * named; what becomes of the tokens of a file that knew no users.
 */
#include "coordinator/rights/access.h"
#include "coordinator/rights/owner.h"
#include "coordinator/rights/pat.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/schema.h"
#include "tests/unit/help/coordinator_help.h"

#include <sqlite3.h>

/* ---- roles ---- */

struct people {
	int64_t root, olga, mona, max, carl, dora, stella;
	int64_t closed, open; /* repositories of acme */
	int64_t own;          /* of olga, private */
};

static int64_t add_repo(struct world *w, const char *owner, const char *name, bool private)
{
	struct err e = { 0 };
	int64_t id;

	must_err(store_repo_add(w->app.store, owner, name, private, "trunk", wall_now(), &id, &e));
	return id;
}

static void people_make(struct world *w, struct people *p)
{
	struct store *s = w->app.store;
	CLEANUP(owner_row_release) struct owner_row acme = { 0 };
	struct err e = { 0 };

	p->root = world_user(w, "root", true);
	p->olga = world_user(w, "olga", false);
	p->mona = world_user(w, "mona", false); /* a member that writes */
	p->max = world_user(w, "max", false);   /* a member that reads, granted admin on one */
	p->carl = world_user(w, "carl", false); /* reads one repository */
	p->dora = world_user(w, "dora", true);  /* a site admin, disabled */
	p->stella = world_user(w, "stella", false);
	p->closed = add_repo(w, "acme", "closed", true);
	p->open = add_repo(w, "acme", "open", false);
	p->own = add_repo(w, "olga", "own", true);
	must_err(store_organisation_find(s, "ACME", &acme, &e)); /* made with its repository */
	must_err(store_member_set(s, acme.id, p->mona, ROLE_READ, &e));
	must_err(store_member_set(s, acme.id, p->mona, ROLE_WRITE, &e));
	must_err(store_member_set(s, acme.id, p->max, ROLE_READ, &e));
	must_err(store_collaborator_set(s, p->closed, p->max, ROLE_ADMIN, &e));
	must_err(store_collaborator_set(s, p->closed, p->carl, ROLE_READ, &e));
	must_err(store_user_set_disabled(s, p->dora, wall_now(), &e));
}

static void test_roles(void **state UNUSED)
{
	struct world w;
	struct people p;
	struct access_row found;

	world_open(&w);
	people_make(&w, &p);
	const struct {
		const char *who;
		int64_t user;
		enum role closed, open, own;
	} rows[] = {
		{ "nobody", 0, ROLE_NONE, ROLE_READ, ROLE_NONE },
		{ "a number that is no user", 999, ROLE_NONE, ROLE_READ, ROLE_NONE },
		{ "a site admin", p.root, ROLE_ADMIN, ROLE_ADMIN, ROLE_ADMIN },
		{ "the owner", p.olga, ROLE_NONE, ROLE_READ, ROLE_ADMIN },
		{ "a member", p.mona, ROLE_WRITE, ROLE_WRITE, ROLE_NONE },
		{ "a member with a grant", p.max, ROLE_ADMIN, ROLE_READ, ROLE_NONE },
		{ "a collaborator", p.carl, ROLE_READ, ROLE_READ, ROLE_NONE },
		{ "a disabled site admin", p.dora, ROLE_NONE, ROLE_READ, ROLE_NONE },
		{ "a stranger", p.stella, ROLE_NONE, ROLE_READ, ROLE_NONE },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct {
			int64_t repo;
			enum role want;
		} repos[] = { { p.closed, rows[i].closed }, { p.open, rows[i].open },
			{ p.own, rows[i].own } };

		for (size_t k = 0; k < ARRAY_LEN(repos); k++) {
			must(store_access_repo(
				w.app.store, rows[i].user, repos[k].repo, &found, NULL));
			if (found.role != repos[k].want || found.repo_id != repos[k].repo)
				fail_msg("%s, repository %zu: %s, expected %s", rows[i].who, k,
					role_text((enum role)found.role), role_text(repos[k].want));
		}
	}
	world_close(&w);
}

/* By name, by a run, by a job: the same role; what does not exist is nothing and no error. */
static void test_names(void **state UNUSED)
{
	struct world w;
	struct access_row found;

	world_open(&w);
	int64_t ann = world_user(&w, "ann", false), alice = world_user(&w, "alice", false);
	struct run_created run = RUN(&w, "a:linux");
	int64_t job = world_job(&w, run.run_id, "a");
	struct store *s = w.app.store;
	must(store_repo_set_private(s, w.repo_id, true, NULL));
	for (int i = 0; i < 2; i++) {
		int64_t user = i ? alice : ann;
		enum role want = i ? ROLE_ADMIN : ROLE_NONE;

		must(store_access_named(s, user, "ALICE", "Demo", &found, NULL));
		assert_int_equal(want, found.role);
		must(store_access_run(s, user, run.run_id, &found, NULL));
		assert_int_equal(want, found.role);
		must(store_access_job(s, user, job, &found, NULL));
		assert_int_equal(want, found.role);
		assert_int_equal(w.repo_id, found.repo_id);
		must(store_access_job(s, user, job + 1, &found, NULL));
		assert_true(!found.repo_id && !found.role && !found.public);
	}
	world_close(&w);
}

static void test_shared_names(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct owner_row again = { .login = (char *)"Alice", .user = false };
	CLEANUP(owner_row_release) struct owner_row row = { 0 };

	world_open(&w);
	assert_int_equal(-1, store_owner_add(w.app.store, &again, wall_now(), &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	/* a repository of a user makes no organisation of that name */
	add_repo(&w, "ALICE", "second", true);
	must(store_user_find(w.app.store, "alice", &row, NULL));
	world_close(&w);
}

static void test_grants_are_listed(void **state UNUSED)
{
	struct world w;
	struct people p;
	CLEANUP(grant_list_release) struct grant_list l = { 0 };
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	struct err e = { 0 };

	world_open(&w);
	people_make(&w, &p);
	must_err(store_grant_list(w.app.store, p.closed, &l, &e));
	for (size_t i = 0; i < l.n; i++)
		buf_addf(&text, "%s %s %s%s\n", l.v[i].login, role_text((enum role)l.v[i].role),
			l.v[i].through, l.v[i].disabled ? " disabled" : "");
	assert_string_equal("carl read collaborator\n"
			    "dora admin site admin disabled\n"
			    "max admin collaborator\n"
			    "max read member\n"
			    "mona write member\n"
			    "root admin site admin\n",
		buf_cstr(&text));
	world_close(&w);
}

/* ---- tokens ---- */

static bool good(struct world *w, const char *token, struct wall at)
{
	CLEANUP(pat_row_release) struct pat_row row = { 0 };
	unsigned char sha[SHA256_LEN];

	token_hash(token, sha);
	return store_pat_find(w->app.store, sha, at, &row, NULL) == 0;
}

static void test_tokens_end(void **state UNUSED)
{
	struct world w;
	char token[PAT_TEXT_MAX];
	unsigned char sha[SHA256_LEN];
	struct wall now = wall_now(), later = { now.us + 10 }, end = { now.us + 5 };
	struct err e = { 0 };
	int64_t id;

	world_open(&w);
	int64_t ann = world_user(&w, "ann", false);
	struct pat_spec spec = { .user_id = ann,
		.name = "n",
		.sha = sha,
		.scopes = SCOPE_REPO_READ,
		.expires_at = end };
	pat_random(token);
	token_hash(token, sha);
	must_err(store_pat_add(w.app.store, &spec, now, &id, &e));
	assert_true(good(&w, token, now));
	assert_false(good(&w, token, later));
	must_err(store_user_set_disabled(w.app.store, ann, now, &e));
	assert_false(good(&w, token, now));
	must_err(store_user_set_disabled(w.app.store, ann, (struct wall){ 0 }, &e));
	assert_true(good(&w, token, now));
	must_err(store_pat_revoke(w.app.store, id, now, &e));
	assert_false(good(&w, token, now));
	assert_int_equal(-1, store_pat_revoke(w.app.store, id, now, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_int_equal(-1, store_pat_revoke(w.app.store, id + 1, now, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	world_close(&w);
}

/* The last use costs a write a minute, however often a token is used. */
static void test_last_use(void **state UNUSED)
{
	static const int seconds[] = { 0, 1, 59, 60, 61, 119, 120 };
	static const int recorded[] = { 0, 0, 0, 60, 60, 60, 120 };
	struct world w;
	char token[PAT_TEXT_MAX];
	struct wall now = wall_now();

	world_open(&w);
	world_pat(&w, "ann", SCOPE_REPO_READ, token);
	unsigned char sha[SHA256_LEN];
	token_hash(token, sha);
	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		CLEANUP(pat_row_release) struct pat_row row = { 0 }, after = { 0 };
		struct wall at = { now.us + seconds[i] * USEC_PER_SEC };

		must(store_pat_find(w.app.store, sha, at, &row, NULL));
		must(store_pat_used(w.app.store, &row, at, NULL));
		must(store_pat_find(w.app.store, sha, at, &after, NULL));
		assert_int_equal(now.us + recorded[i] * USEC_PER_SEC, after.last_used_at.us);
	}
	world_close(&w);
}

/* ---- files of earlier programs ---- */

/* The step that made users. */
static size_t users_step(void)
{
	size_t n = 1;

	while (schema_step(n) && !strstr(schema_step(n), "CREATE TABLE owners"))
		n++;
	assert_non_null(schema_step(n));
	return n;
}

static void old_file(const char *path)
{
	sqlite3 *db;
	char *why = NULL, version[64];

	snprintf(version, sizeof(version), "PRAGMA user_version = %zu", users_step() - 1);
	must(sqlite3_open(path, &db));
	for (size_t n = 1; n < users_step(); n++)
		must(sqlite3_exec(db, schema_step(n), NULL, NULL, NULL));
	must(sqlite3_exec(db, version, NULL, NULL, NULL));
	if (sqlite3_exec(db,
		    "INSERT INTO repositories (id, owner, name, private, default_branch,"
		    " created_at) VALUES (1, 'Alice', 'demo', 1, 'trunk', 1),"
		    " (2, 'octo', 'x', 1, 'trunk', 1), (3, 'OCTO', 'y', 0, 'trunk', 1);"
		    "INSERT INTO pats (id, name, token_sha256, scopes, created_at, revoked_at)"
		    " VALUES (1, 'alice', x'01', 3, 5, NULL), (2, 'my token!', x'02', 1, 6, NULL),"
		    " (3, 'ALICE', x'03', 3, 7, NULL), (4, 'my token!', x'04', 3, 8, NULL),"
		    " (5, 'admin', x'05', 1, 9, NULL), (6, 'gone', x'06', 3, 9, 10);",
		    NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s", why);
	sqlite3_close(db);
}

/* Every token may do what it could: the same scopes, on all repositories. */
static void test_tokens_of_old_files(void **state UNUSED)
{
	static const struct {
		const char *login;
		int64_t scopes;
	} want[] = { { "alice", 3 }, { "token-2", 1 }, { "alice", 3 }, { "token-2", 3 },
		{ "token-5", 1 }, { "gone", 3 } };
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	CLEAN_STR char *path = path_join(w.dir, "old.db");
	old_file(path);
	CLEAN_STORE struct store *s = store_open(path, &e);
	if (!s)
		fail_msg("%s", e.text);
	CLEANUP(pat_list_release) struct pat_list l = { 0 };
	must_err(store_pat_list(s, 0, &l, &e));
	assert_int_equal(ARRAY_LEN(want), l.n);
	for (size_t i = 0; i < l.n; i++) {
		assert_string_equal(want[i].login, l.v[i].login);
		assert_int_equal(want[i].scopes, l.v[i].scopes);
		assert_int_equal(i == 5, l.v[i].revoked_at.us != 0);
		for (int64_t repo = 1; repo <= 3; repo++) {
			struct access_row found;

			must_err(store_access_repo(s, l.v[i].user_id, repo, &found, &e));
			assert_int_equal(ROLE_ADMIN, found.role);
		}
	}
	CLEANUP(owner_row_release) struct owner_row octo = { 0 };
	must_err(store_organisation_find(s, "octo", &octo, &e));
	CLEANUP(repo_row_release) struct repo_row y = { 0 };
	must_err(store_repo_get(s, 3, &y, &e));
	assert_int_equal(octo.id, y.owner_id);
	assert_false(y.private);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_shared_names),
		cmocka_unit_test(test_grants_are_listed),
		cmocka_unit_test(test_tokens_end),
		cmocka_unit_test(test_last_use),
		cmocka_unit_test(test_tokens_of_old_files),
	};

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
