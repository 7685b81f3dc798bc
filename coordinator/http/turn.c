/*
 * A turn: all requests that could go on when the loop came round. Writing to the disk takes longer
 * than most calls, so the calls of a turn share one commit. Until it is done nobody may hear of
 * what they did: their answers are kept here. An answer that was given before the first change
 * knows of nothing that could be lost and leaves at once.
 */
#include "base/log.h"
#include "coordinator/http/private.h"

void turn_keep(struct httpd_request *r)
{
	struct httpd *h = r->h;

	if (r->at_once || !h->in_turn || r->kept || !h->config.turn->changed(h->config.app))
		return;
	r->kept = true;
	r->kept_next = h->kept;
	if (r->kept_next)
		r->kept_next->kept_link = &r->kept_next;
	r->kept_link = &h->kept;
	h->kept = r;
}

void turn_forget(struct httpd_request *r)
{
	if (!r->kept)
		return;
	r->kept = false;
	*r->kept_link = r->kept_next;
	if (r->kept_next)
		r->kept_next->kept_link = r->kept_link;
}

/* What it says did not happen. */
static void answer_replace(struct httpd_request *r)
{
	MHD_destroy_response(r->response);
	r->response = NULL;
	r->deliver = false;
	pairs_release(&r->headers);
	httpd_add_header(r, "Retry-After", "2");
	httpd_error(r, 503, "the store could not write");
}

void httpd_turn_begin(struct httpd *h)
{
	if (!h || !h->config.turn)
		return;
	h->in_turn = true;
	h->config.turn->begin(h->config.app);
}

static void kept_leave(struct httpd *h, bool lost)
{
	while (h->kept) {
		struct httpd_request *r = h->kept;

		turn_forget(r);
		if (lost)
			answer_replace(r);
		else
			answer_send(r);
	}
}

void httpd_turn_flushed(struct httpd *h)
{
	if (h && h->in_turn)
		kept_leave(h, false);
}

void httpd_turn_end(struct httpd *h)
{
	struct err e = { 0 };

	if (!h || !h->in_turn)
		return;
	h->in_turn = false;
	bool lost = h->config.turn->commit(h->config.app, &e) < 0;
	if (lost)
		log_error("http", "turn_not_stored", F_ERR(&e));
	kept_leave(h, lost);
}
