/*
 * A coordinator may answer any heartbeat with a claim, also one that asked for nothing. Such a
 * claim is ours, so it is kept, in the order of arrival; the supervisor stops its heartbeats
 * before the list grows.
 */
#include "runner/supervisor/claim_queue.h"

#include <stdio.h>

struct waiting_claim *claim_queue_put(struct claim_queue *c, struct slice claim, const char *key)
{
	struct waiting_claim *w = xcalloc(1, sizeof(*w)), **tail = &c->first;

	snprintf(w->key, sizeof(w->key), "%s", key);
	buf_init(&w->bytes, claim.len + 1);
	if (buf_add(&w->bytes, claim.ptr, claim.len) < 0)
		BUG("claim of %zu bytes", claim.len);
	while (*tail)
		tail = &(*tail)->next;
	*tail = w;
	c->n++;
	return w;
}

struct waiting_claim *claim_queue_take(struct claim_queue *c)
{
	struct waiting_claim *w = c->first;

	if (!w)
		return NULL;
	c->first = w->next;
	c->n--;
	return w;
}

void waiting_claim_free(struct waiting_claim *w)
{
	buf_release_wipe(&w->bytes);
	free(w);
}

void claim_queue_release(struct claim_queue *c)
{
	struct waiting_claim *w;

	while ((w = claim_queue_take(c)))
		waiting_claim_free(w);
}
