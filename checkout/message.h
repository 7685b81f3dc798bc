/*
 * What travels in the frames. Job → fetcher: one request. Fetcher → tree writer: one order (no
 * token, no network address needed), then one end. Both answer with lines and one result, which the
 * fetcher passes on to the job.
 */
#ifndef CHECKOUT_MESSAGE_H
#define CHECKOUT_MESSAGE_H

#include "base/json.h"
#include "checkout/checkout.h"
#include "checkout/pktline.h"

/* A request that owns its strings; release wipes the token. */
struct request_copy {
	char *url, *token, *sha, *ref, *path, *ca_file;
	int64_t depth, timeout_us, reach;
	bool tags, keep, submodules, any_address;
};
void request_copy_release(struct request_copy *c);
struct checkout_request request_view(const struct request_copy *c);
/* with_token false: the order for the tree writer. */
int request_encode(const struct checkout_request *r, bool with_token, struct buf *out,
	struct err *e) CHECK_RESULT;
int request_decode(struct slice text, struct request_copy *ret, struct err *e) CHECK_RESULT;

struct end_message {
	struct strv shallow;
	struct ref_list refs; /* branches and tags to write */
	char *target, *ref;   /* what a request without an id came to; else NULL */
};
void end_message_release(struct end_message *m);
int end_encode(const struct end_message *m, struct buf *out, struct err *e) CHECK_RESULT;
int end_decode(struct slice text, struct end_message *ret, struct err *e) CHECK_RESULT;

/* Lines: sandbox/child_report.h. */
int result_encode(const struct checkout_result *r, struct buf *out, struct err *e) CHECK_RESULT;
int submodule_encode(const struct submodule *m, struct buf *out, struct err *e) CHECK_RESULT;

enum report_kind { REPORT_LINE, REPORT_SUBMODULE, REPORT_RESULT };
struct report_message {
	enum report_kind kind; /* which one is set */
	char *line;
	struct submodule submodule;
	struct checkout_result result;
};
void report_message_release(struct report_message *m);
int report_decode(struct slice text, struct report_message *ret, struct err *e) CHECK_RESULT;

#endif
