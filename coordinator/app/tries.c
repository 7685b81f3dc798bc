/*
 * In the store a failure is one small write. An address or name that has its AUTH_FAILURES_MAX
 * costs no more writes, and neither does anybody else once somebody with many addresses has caused
 * WRITES_MAX since the last pruning: so the table has ROWS_MAX rows and WRITES_MAX of each serve at
 * most.
 */
#include "coordinator/app/tries.h"

#include "base/log.h"
#include "coordinator/store/pool/tries.h"

enum { ROWS_MAX = 20000, WRITES_MAX = 2000 /* between two prunings */ };
enum whose { OF_ADDRESS = 'a', OF_LOGIN = 'l' };

/* ---- in the store ---- */

struct who {
	unsigned char hash[TRIES_HASH_LEN];
};

static bool who_hash(struct app *a, enum whose kind, const void *p, size_t n, struct who *ret)
{
	unsigned char mix[1 + SHA256_LEN], out[KEY_LEN];
	struct err e = { 0 };

	mix[0] = (unsigned char)kind;
	sha256(p, n, mix + 1);
	if (keys_digest(&a->keys, mix, sizeof(mix), out, &e) < 0)
		return false;
	memcpy(ret->hash, out, sizeof(ret->hash));
	return true;
}

static void not_asked(struct app *a, const struct err *e)
{
	int64_t left_out;

	if (log_limit_pass(&a->tries_said, mono_now(), &left_out))
		log_warn("auth", "tries_not_shared", F_ERR(e), F_INT("left_out", left_out),
			F_STR("effect", "this serve counts failed tries for itself"));
}

static int64_t shared_of(struct app *a, enum whose kind, const void *p, size_t n)
{
	struct err e = { 0 };
	int64_t count = 0;
	struct who who;

	if (!store_tries_shared(a->store) || !who_hash(a, kind, p, n, &who))
		return 0;
	if (store_tries_of(a->store, who.hash, wall_now(), &count, &e) < 0)
		not_asked(a, &e);
	return count;
}

static int64_t shared_add(struct app *a, enum whose kind, const void *p, size_t n)
{
	struct err e = { 0 };
	int64_t count = 0;
	struct who who;

	if (!store_tries_shared(a->store) || a->tries_written >= WRITES_MAX ||
		!who_hash(a, kind, p, n, &who))
		return 0;
	a->tries_written++;
	if (store_tries_add(a->store, who.hash, wall_now(), &count, &e) < 0)
		not_asked(a, &e);
	return count;
}

int tries_prune(struct app *a, struct wall now, struct err *e)
{
	if (!store_tries_shared(a->store))
		return 0;
	if (store_tries_prune(a->store, now, ROWS_MAX, e) < 0)
		return -1;
	a->tries_written = 0;
	return 0;
}

/* ---- both ---- */

bool auth_failed_often(struct app *a, const struct httpd_request *r)
{
	const uint64_t peer = httpd_peer(r);

	return failures_add(&a->by_address, &peer, sizeof(peer), mono_now()) > AUTH_FAILURES_MAX ||
	       shared_add(a, OF_ADDRESS, &peer, sizeof(peer)) > AUTH_FAILURES_MAX;
}

/* The store does not tell capitals from small letters in a login. */
static char *login_folded(const char *login)
{
	char *text = xstrdup(login);

	for (char *p = text; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 'a' - 'A');
	return text;
}

bool login_failed_enough(struct app *a, uint64_t peer, const char *login)
{
	CLEAN_STR char *name = login ? login_folded(login) : NULL;
	const struct mono now = mono_now();

	if (failures_of(&a->by_address, &peer, sizeof(peer), now) >= AUTH_FAILURES_MAX ||
		(name && failures_of(&a->by_login, name, strlen(name), now) >= AUTH_FAILURES_MAX))
		return true;
	return shared_of(a, OF_ADDRESS, &peer, sizeof(peer)) >= AUTH_FAILURES_MAX ||
	       (name && shared_of(a, OF_LOGIN, name, strlen(name)) >= AUTH_FAILURES_MAX);
}

void login_begins(struct app *a, uint64_t peer, const char *login)
{
	CLEAN_STR char *name = login ? login_folded(login) : NULL;
	const struct mono now = mono_now();

	failures_add(&a->by_address, &peer, sizeof(peer), now);
	if (name)
		failures_add(&a->by_login, name, strlen(name), now);
}

void login_fits(struct app *a, uint64_t peer, const char *login)
{
	CLEAN_STR char *name = login ? login_folded(login) : NULL;
	const struct mono now = mono_now();

	failures_take_back(&a->by_address, &peer, sizeof(peer), now);
	if (name)
		failures_take_back(&a->by_login, name, strlen(name), now);
}

void login_fails(struct app *a, uint64_t peer, const char *login)
{
	CLEAN_STR char *name = login ? login_folded(login) : NULL;

	shared_add(a, OF_ADDRESS, &peer, sizeof(peer));
	if (name)
		shared_add(a, OF_LOGIN, name, strlen(name));
}
