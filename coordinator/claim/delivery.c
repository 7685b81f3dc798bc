/*
 * The answer to a claim on its way. A claim is committed before its answer leaves, so that two
 * runners never get the same job; an answer that does not arrive must then give the job back, or it
 * would wait for a runner that never heard of it until it counts as lost.
 *
 * Giving back spends the answer's token: should the runner have it after all, its first call is
 * refused with 401 and it lets the job go. A token that was used is proof of arrival.
 */
#include "base/log.h"
#include "coordinator/claim/claim.h"
#include "coordinator/queue/claim.h"

struct delivery {
	struct app *app;
	struct claim claim;
};

void claim_back(struct app *a, const struct claim *c)
{
	struct err e = { 0 };
	int rc = store_claim_return(a->store, c->job_id, c->jti, wall_now(), &e);

	if (rc < 0) {
		log_error("claim", "return_failed", F_INT("job", c->job_id), F_ERR(&e));
	} else if (rc > 0) {
		metric_add(&a->metrics, METRIC_CLAIMS_RETURNED, 1);
		log_warn("claim", "answer_not_delivered", F_INT("job", c->job_id));
		app_wake(a);
	}
}

static void on_close(struct httpd_request *r, void *data)
{
	struct delivery *d = data;
	struct err e = { 0 };

	if (!httpd_delivered(r))
		claim_back(d->app, &d->claim);
	else if (store_claim_delivered(d->app->store, d->claim.job_id, d->claim.jti, &e) < 0)
		log_error("claim", "delivery_not_stored", F_INT("job", d->claim.job_id), F_ERR(&e));
	free(d);
}

void claim_reply(
	struct app *a, struct httpd_request *r, const struct claim *c, const struct buf *answer)
{
	struct delivery *d = xcalloc(1, sizeof(*d));

	d->app = a;
	d->claim = *c;
	claim_note(a, r, c);
	httpd_watch_delivery(r);
	httpd_on_close(r, on_close, d);
	httpd_add_header(r, CLAIM_RETURN_HEADER, "true");
	httpd_reply_json(r, 200, answer);
}

int claims_recover(struct app *a, struct err *e)
{
	int64_t n = 0;

	if (store_claims_return(a->store, wall_now(), &n, e) < 0)
		return -1;
	if (n) {
		metric_add(&a->metrics, METRIC_CLAIMS_RETURNED, n);
		log_warn("claim", "claims_returned", F_INT("count", n));
		app_wake(a);
	}
	return 0;
}
