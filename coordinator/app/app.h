/*
 * What every handler of `shithubd serve` gets: one struct, made in serve/serve.c, passed
 * down. app.c defines the auth functions, claim/claim.c app_wake.
 */
#ifndef COORDINATOR_APP_APP_H
#define COORDINATOR_APP_APP_H

#include <stdatomic.h>

#include "base/log.h"
#include "coordinator/app/failures.h"
#include "coordinator/app/keys.h"
#include "coordinator/app/metrics.h"
#include "coordinator/app/token.h"
#include "coordinator/http/httpd.h"
#include "coordinator/rights/pat.h"
#include "coordinator/store/runner.h"

struct waiters; /* claim.h: held heartbeats */
struct scrub;   /* scrub/scrub.h: maskers of running jobs */
struct git_session;
struct planner;
struct syncer;
struct objects;
struct aside;
struct oidc;
struct log_indexes;
struct log_feeds;
struct log_find;

/* What artifacts may take; 0: the defaults of artifact.h. */
struct artifact_limits {
	int64_t max_bytes, max_run_bytes, retention_days;
};

/* Bytes kept of logs; 0: the defaults of scrub/log_quota.h. */
struct log_limits {
	int64_t step, job, run;
};

enum { AUTH_FAILURES_MAX = 20 };                  /* a minute, of an address or a name */
enum { LOGIN_TRIES_MAX = 4, OIDC_TRIES_MAX = 8 }; /* at one time */

struct app {
	struct loop *loop;
	struct wall started_at; /* of serve */
	struct store *store;
	struct instance *instance; /* instance/instance.h; NULL: not serve, which leads */
	bool wakes_others;         /* app_wake was called: other serves hear of it, too */
	struct keys keys;
	struct httpd *httpd;
	struct metrics metrics;
	struct metrics_access metrics_access;
	atomic_bool store_fails; /* the last commit did */
	int64_t push_elsewhere;  /* trigger/push_journal.h: said of the pushes up to this one */
	struct planner *planner; /* trigger/planner.h; NULL: runs are made where a push ends */
	struct syncer *syncer;   /* object/syncer.h; NULL: uploads are synced where they end */
	struct syncer *fetcher;  /* brings objects of a bucket here (object/fetch.h); NULL: none */
	struct waiters *waiters;
	struct scrub *scrub;              /* NULL: not serve, nothing is received */
	struct git_session *git_sessions; /* git/session.h: all that are open */
	unsigned admin_calls;             /* admin verbs that run for callers elsewhere */
	struct failures by_address;       /* of callers of those, and of who signs in */
	struct failures by_login;         /* of who signs in */
	unsigned tries_written;           /* tries.h: into the store, since it was pruned */
	/* lines that callers without a token can cause */
	struct log_limit refusals_said, git_said, tries_said;
	struct log_limit oidc_said[2]; /* by whether an operator has something to mend */
	/* pages/aside.h: passwords that are checked now, and questions to the provider */
	struct aside *logins[LOGIN_TRIES_MAX], *oidc_tries[OIDC_TRIES_MAX];
	struct oidc *oidc; /* oidc/client.h; NULL: users sign in with passwords alone */
	struct log_indexes *log_indexes; /* pages/log/index.h; NULL: none yet */
	struct log_find *log_finds;      /* pages/log/find.h: searches that are open */
	/* pages/log/feed.h: jobs that somebody watches; NULL: none yet */
	struct log_feeds *log_feeds;
	int64_t live_log_us;                 /* one stream of a live log lasts so long */
	size_t log_streams_behind;           /* pages/log/stream.h: that read by themselves */
	char *data_dir;                      /* repositories live in <data_dir>/repos */
	struct objects *objects;             /* object/objects.h */
	const struct httpd_request *fetched; /* object/fetch.h: its handler runs once more */
	struct artifact_limits artifacts;
	struct log_limits logs;
	const char *git_hooks; /* folder of hooks that git runs, NULL: none; of the configuration */
	bool pages;            /* there are pages for browsers */
	char *public_url;      /* no trailing slash; clone URL = <public_url>/<owner>/<name>.git */
};

/* A job may have become claimable (new run, finished job, undrained runner): held heartbeats try
 * again in the next tick of the loop, and other serves hear of it. Cheap; in a turn at any time, as
 * its commit comes first, else after the commit. */
void app_wake(struct app *a);

/* Who calls; users: access.h. All set ERR_AUTH with a line that reveals nothing about what exists.
 */
/* A registration token, as sent (NULL: none was); *ret is the caller's to release. */
int auth_runner(
	struct app *a, const char *token, struct runner_row *ret, struct err *e) CHECK_RESULT;
/* A checkout token: of this repository, while its job is running on a runner not revoked. For
 * git-upload-pack only. */
int auth_checkout(struct app *a, const char *token, int64_t repo_id, struct err *e) CHECK_RESULT;

#endif
