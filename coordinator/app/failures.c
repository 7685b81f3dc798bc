/*
 * Anybody can fill this table, from as many addresses as he has. So the place of an entry depends
 * on a random key, and a new entry takes the place of one that is over, or else of the one with the
 * fewest failures of four: who wants a count to be forgotten has to fail as often elsewhere, in
 * places that he cannot aim at.
 */
#include "coordinator/app/failures.h"

#include <string.h>

#include "base/codec.h"

#define WINDOW_US (60 * USEC_PER_SEC)

static uint64_t keyed_hash(struct failures *f, const void *who, size_t len)
{
	unsigned char mix[FAILURE_KEY_LEN + SHA256_LEN], sha[SHA256_LEN];
	uint64_t hash;

	if (!f->keyed)
		random_bytes(f->key, sizeof(f->key));
	f->keyed = true;
	memcpy(mix, f->key, FAILURE_KEY_LEN);
	sha256(who, len, mix + FAILURE_KEY_LEN);
	sha256(mix, sizeof(mix), sha);
	memcpy(&hash, sha, sizeof(hash));
	return hash;
}

/* 0: it is over. */
static unsigned count(const struct failure_count *x, struct mono now)
{
	return mono_diff(now, x->since) <= WINDOW_US ? x->n : 0;
}

static struct failure_count *find(struct failures *f, uint64_t who, struct mono now)
{
	struct failure_count *set = f->sets[who % FAILURE_SETS];

	for (size_t i = 0; i < FAILURE_WAYS; i++)
		if (set[i].who == who && count(&set[i], now))
			return &set[i];
	return NULL;
}

static struct failure_count *replace(struct failures *f, uint64_t who, struct mono now)
{
	struct failure_count *set = f->sets[who % FAILURE_SETS], *least = set;

	for (size_t i = 1; i < FAILURE_WAYS; i++)
		if (count(&set[i], now) < count(least, now))
			least = &set[i];
	*least = (struct failure_count){ .who = who, .since = now };
	return least;
}

unsigned failures_of(struct failures *f, const void *who, size_t len, struct mono now)
{
	const struct failure_count *x = find(f, keyed_hash(f, who, len), now);

	return x ? x->n : 0;
}

unsigned failures_add(struct failures *f, const void *who, size_t len, struct mono now)
{
	uint64_t hash = keyed_hash(f, who, len);
	struct failure_count *x = find(f, hash, now);

	if (!x)
		x = replace(f, hash, now);
	return ++x->n;
}

void failures_take_back(struct failures *f, const void *who, size_t len, struct mono now)
{
	struct failure_count *x = find(f, keyed_hash(f, who, len), now);

	if (x)
		x->n--;
}
