/*
 * One git child per request: the request's body goes to its stdin (inflated if it came gzipped),
 * its stdout becomes the answer. Nothing is held beyond a few hundred KiB: the sink and the reader
 * sleep until the other side can go on.
 *
 * A client that goes away kills the child with its process group, with one exception: a push that
 * has named its refs gets the end of its input and runs to its own end, because git may have moved
 * refs already and their workflows must still be triggered.
 */
#ifndef COORDINATOR_GIT_SESSION_H
#define COORDINATOR_GIT_SESSION_H

#include "coordinator/app/app.h"
#include "coordinator/store/repo.h"

enum git_service { GIT_UPLOAD_PACK, GIT_RECEIVE_PACK };
const char *git_service_name(enum git_service s); /* "git-upload-pack" */

/* Each kind has places of its own, so that no kind can starve another. */
enum git_caller {
	GIT_CALLER_ANONYMOUS,
	GIT_CALLER_USER, /* an access token */
	GIT_CALLER_JOB,  /* a checkout token */
};

struct git_session_spec {
	struct httpd_request *request;
	const struct repo_row *repo; /* copied */
	const char *pusher;          /* NULL: none; copied */
	int64_t pat_id;              /* the pusher's access token */
	enum git_service service;
	enum git_caller caller;
	bool advertise; /* info/refs: no body, the answer begins with the service line */
	bool gzip;
	const char *protocol; /* Git-Protocol header, NULL or checked; copied into the child */
};
/* Starts the child and takes over the request's sink (unless advertise) and close callback.
 * ERR_CONFLICT: too many of this kind of caller at a time. On error the request is untouched. */
struct git_session *git_session_start(
	struct app *a, const struct git_session_spec *spec, struct err *e) CHECK_RESULT;
/* The session of an open request. */
struct git_session *git_session_of(struct app *a, const struct httpd_request *r);
/* The whole body is in: holds the request and answers when the child has something to say. */
void git_session_body_done(struct git_session *s);
/* Ends all sessions; their requests must be closed. */
void git_sessions_stop(struct app *a);

#endif
