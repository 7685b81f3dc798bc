/*
 * What every handler of `shithubd serve` gets: one struct, made in main.c, passed down.
 */
#ifndef COORDINATOR_APP_H
#define COORDINATOR_APP_H

#include "coordinator/httpd.h"
#include "coordinator/keys.h"
#include "coordinator/metrics.h"
#include "coordinator/store.h"
#include "coordinator/token.h"

struct waiters; /* claim.h: held heartbeats */
struct git_session;

/* What artifacts may take; 0: the defaults of artifact.h. */
struct artifact_limits {
	int64_t max_bytes, max_run_bytes, retention_days;
};

struct app {
	struct loop *loop;
	struct wall started_at; /* of serve */
	struct store *store;
	struct keys keys;
	struct httpd *httpd;
	struct metrics metrics;
	struct waiters *waiters;
	struct git_session *git_sessions; /* git_http_session.h: all that are open */
	char *data_dir;                   /* repositories live in <data_dir>/repos */
	struct artifact_limits artifacts;
	char *public_url; /* no trailing slash; clone URL = <public_url>/<owner>/<name>.git */
};

/* A job may have become claimable (new run, finished job, undrained runner): held heartbeats try
 * again in the next tick of the loop. Cheap; call it after the commit. */
void app_wake(struct app *a);

/* Who calls. All set ERR_AUTH with a line that tells nothing about what exists. */
/* A personal access token (Bearer or Basic password); *ret is the caller's to release. */
int auth_pat(struct app *a, const char *token, struct pat_row *ret, struct err *e) CHECK_RESULT;
/* A registration token, as sent (NULL: none was); *ret is the caller's to release. */
int auth_runner(
	struct app *a, const char *token, struct runner_row *ret, struct err *e) CHECK_RESULT;
/* A checkout token: of this repository, while its job is running on a runner not revoked. For
 * git-upload-pack only. */
int auth_checkout(struct app *a, const char *token, int64_t repo_id, struct err *e) CHECK_RESULT;

#endif
