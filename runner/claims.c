/* See claims.h. */
#include "runner/claims.h"

void claims_put(struct claims *c, struct slice claim, bool cut)
{
	struct waiting_claim *w = xcalloc(1, sizeof(*w)), **tail = &c->first;

	w->cut = cut;
	buf_init(&w->bytes, claim.len + 1);
	if (buf_add(&w->bytes, claim.ptr, claim.len) < 0)
		BUG("claim of %zu bytes", claim.len);
	while (*tail)
		tail = &(*tail)->next;
	*tail = w;
	c->n++;
}

struct waiting_claim *claims_take(struct claims *c)
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

void claims_release(struct claims *c)
{
	struct waiting_claim *w;

	while ((w = claims_take(c)))
		waiting_claim_free(w);
}
