/*
 * Checkout of one commit: a request goes to a sandboxed child over a socket, log lines and one
 * result come back. This header is the job's side; checkout_role_main is the child's.
 *
 * The child is started by the supervisor (`shithubd-runner checkout --uid N --gid N`) with its end
 * of the socket as descriptor 3. It drops every privilege first, then reads one request.
 */
#ifndef CHECKOUT_CHECKOUT_H
#define CHECKOUT_CHECKOUT_H

#include "base/loop.h"

struct checkout_request {
	const char *url; /* https://host/owner/repo[.git], http allowed; no credentials, no query */
	const char *token; /* Basic password of user "x-access-token"; NULL: anonymous */
	const char *sha;   /* 40 hex; NULL: what ref names at the server */
	/* With sha: refs/heads/…, for the fallback and the ref that is written; may be NULL.
	 * Without: a full name, else a branch or a tag of that name. */
	const char *ref;
	const char *path; /* relative target below the workspace, "." or NULL: itself */
	int64_t depth;    /* 1.. ; 0 = full history */
	bool tags;        /* every tag too, as deep as depth says */
	bool keep;        /* what the last checkout here did not write stays; else the target
			   * is emptied */
	bool submodules;  /* tell about them (checkout_submodules); they are not fetched */
	/* false: connect to public addresses and those of `reach` only (base/http/reach.h) */
	bool any_address;
	int64_t reach;
	const char *ca_file;
	int64_t timeout_us; /* whole checkout; 0: 1 h */
};
struct checkout_result {
	bool ok;
	struct err error;
	uint64_t pack_bytes, objects, files;
	int64_t fetch_us, index_us, write_us;
	bool retryable; /* transport trouble, not a refused repository; pack_bytes tells how far */
	char sha[41];   /* of the commit, when ok */
};

/* A submodule of the written tree, its URL absolute and on the request's own server. */
struct submodule {
	char *name, *path, *url, *sha;
};
struct submodule_list {
	struct submodule *v;
	size_t n;
};
void submodule_list_release(struct submodule_list *l);

/* Refuses with ERR_INPUT: other schemes, credentials in the URL, control bytes, non-hex ids,
 * absolute or escaping paths, neither id nor ref. Pure. */
int checkout_request_check(const struct checkout_request *r, struct err *e) CHECK_RESULT;

struct checkout;
typedef void (*checkout_line_fn)(void *data, const char *line); /* no newline */
typedef void (*checkout_done_fn)(void *data, const struct checkout_result *r);
/* Sends the request over fd (a connected SOCK_STREAM; taken over, also on failure). on_done fires
 * once: result, or a child that died. */
struct checkout *checkout_start(struct loop *l, int fd, const struct checkout_request *r,
	checkout_line_fn on_line, checkout_done_fn on_done, void *data, struct err *e) CHECK_RESULT;
/* What the child told, until checkout_free; checked like a request, the same server included. */
const struct submodule_list *checkout_submodules(const struct checkout *c);
/* Closes the socket: the child sees it and ends. No callback afterwards. NULL fine. */
void checkout_free(struct checkout *c);

/* The child: `checkout` verb. */
int checkout_role_main(int argc, char **argv);

#endif
