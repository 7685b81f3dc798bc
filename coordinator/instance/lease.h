/*
 * The serves ("instances") of one store. Each has a row with a lease in the database's own time, so
 * that clocks of hosts need not agree; what it has taken in hand (claims on their way, pushes,
 * webhooks that are being sent) names it, and whoever finds that its lease is over may take that. A
 * lease that is over is never renewed: its holder comes back as a new instance, and what it then
 * does in the name of the old one changes nothing.
 *
 * One of them leads and does what needs doing once; that is a lease, too. Two may think so for a
 * moment, so everything that the leader does checks and acts in one transaction.
 *
 * A file has one serve by its folder's lock: its lease does not end, and it always leads.
 */
#ifndef COORDINATOR_INSTANCE_LEASE_H
#define COORDINATOR_INSTANCE_LEASE_H

#include "base/clock.h"
#include "coordinator/store/store.h"

enum { STORE_WORD_MAX = 500 };

struct instance_row {
	int64_t id;
	char *name, *version;
	struct wall started_at;
	bool live, leads;
};
struct instance_list {
	struct instance_row *v;
	size_t n;
};
void instance_list_release(struct instance_list *l);

/* One for whom this connection works from now on; *ret_id. */
int store_instance_add(struct store *s, const char *name, const char *version, int64_t lease_us,
	struct wall now, int64_t *ret_id, struct err *e) CHECK_RESULT;
/* For another connection of the same serve. */
void store_act_as(struct store *s, int64_t instance);
/* 1, or 0: its lease is over. Waits for no write lock. */
int store_instance_renew(struct store *s, int64_t id, int64_t lease_us, struct err *e) CHECK_RESULT;
/* Becomes the leader, or stays it, for so long: 1, 0 another one is, -1. Likewise. */
int store_instance_lead(struct store *s, int64_t id, int64_t lease_us, struct err *e) CHECK_RESULT;
int store_instance_end(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
/* Whoever opens a file to serve is its only one: those before are gone. No-op for a database. */
int store_instances_alone(struct store *s, struct err *e) CHECK_RESULT;
/* Rows whose lease ended so long ago. */
int store_instances_prune(struct store *s, int64_t before_us, struct err *e) CHECK_RESULT;
int store_instance_list(struct store *s, struct instance_list *ret, struct err *e) CHECK_RESULT;
/* ERR_TIMEOUT when the lease of the one for whom this connection works is over. In a transaction
 * that has the write lock, it holds until the commit. */
int store_instance_check(struct store *s, struct err *e) CHECK_RESULT;

/* A word to all other serves: they hear it when what was changed before is committed, and may miss
 * it. At most STORE_WORD_MAX bytes. No-op for a file. */
int store_tell(struct store *s, const char *word, struct err *e) CHECK_RESULT;

#endif
