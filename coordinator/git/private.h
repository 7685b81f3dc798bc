/*
 * Shared by git/session.c (the request), git/answer.c (the answer's bytes), git/spawn.c (the child)
 * and git/input.c (body bytes on their way to it). Nobody else includes it.
 */
#ifndef COORDINATOR_GIT_PRIVATE_H
#define COORDINATOR_GIT_PRIVATE_H

#include <zlib.h>

#include "base/proc.h"
#include "coordinator/git/session.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/planner.h"
#include "coordinator/trigger/push.h"

/* In all: a child that takes longer is ended, whoever is the slow one. */
#define GIT_TIME_US (3600 * USEC_PER_SEC)
#define GIT_TIME_ANONYMOUS_US (600 * USEC_PER_SEC)
#define GIT_PLAN_WAIT_US (10 * USEC_PER_SEC) /* of a push's answer for its runs */
#define GIT_EARLY_MAX MIB(8)                 /* put aside while the body still comes in */
#define GIT_UPLOAD_BODY_MAX MIB(64) /* wants and haves, inflated; packs are git's to limit */

/* raw (as sent) → plain (inflated) → the child's stdin */
struct git_input {
	bool gzip, gzip_ended, failed, broken; /* broken: the child reads no more */
	z_stream z;
	struct buf raw, plain;
	uint64_t total, max; /* plain bytes so far; max 0: unlimited */
	/* The last byte stays here: git can neither finish a pack nor move a ref without it. */
	bool hold;
	bool scanning;
	struct push_scan scan;
	/* All commands of a push are there; their end has not been sent on yet. -1 ends the push.
	 */
	int (*on_commands)(void *data, struct err *e);
	void *data;
};
int git_input_init(struct git_input *in, bool gzip, bool push, struct err *e) CHECK_RESULT;
void git_input_release(struct git_input *in);
int git_input_add(struct git_input *in, const char *p, size_t n, struct err *e) CHECK_RESULT;
bool git_input_pending(const struct git_input *in);
/* Inflates and sends until there is nothing left or fd would block. */
int git_input_move(struct git_input *in, int fd, struct err *e) CHECK_RESULT;

struct git_session {
	struct app *app;
	struct git_session *next, **link;
	struct httpd_request *request; /* NULL: the client has gone */
	struct repo_row repo;
	char *pusher;
	int64_t pat_id;
	struct plan_task plan;
	bool tells, told;         /* the answer shall have news for the pusher; has them */
	bool overdue;             /* the runs are not made, but the answer ends */
	bool refused;             /* the pusher may not push any more */
	int64_t journal_id;       /* of the push (push_journal.h), 0: none yet */
	int64_t journal_instance; /* whose it was then */
	enum git_service service;
	enum git_caller caller;
	bool advertise, version2;

	struct proc proc;
	int in, out, said; /* its stdin, stdout; a memfd of its stderr */
	struct loop_source *on_in, *on_out, *on_exit, *on_time;
	struct git_input input;
	struct buf early;
	size_t prefix; /* of early: the service line, which says nothing yet */
	bool body_done, answered, out_ended, exited;
	int status; /* waitpid form, when exited */
};

/* Allocates, links and spawns; no loop sources yet. */
struct git_session *git_session_spawn(
	struct app *a, const struct git_session_spec *spec, struct err *e) CHECK_RESULT;
void git_session_free(struct git_session *s);
void git_session_feed(struct git_session *s);

/* Whether the client of a push, whose commands are there, shows lines of ours. */
bool git_answer_tells(const struct git_session *s) CHECK_RESULT;
/* The answer's reader (httpd_reply_stream). */
ssize_t git_answer_read(void *session, char *out, size_t max);

#endif
