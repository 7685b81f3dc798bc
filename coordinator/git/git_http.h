/*
 * Smart HTTP for the repositories: the three requests git makes,
 *   GET  /<owner>/<name>[.git]/info/refs?service=git-upload-pack|git-receive-pack
 *   POST /<owner>/<name>[.git]/git-upload-pack
 *   POST /<owner>/<name>[.git]/git-receive-pack
 * each served by one `git upload-pack|receive-pack --stateless-rpc` child (git/session.h).
 *
 * Who may: public repositories are read by anyone; everything else wants Basic credentials whose
 * password is a personal access token (of a user who may read, or write to push) or a job's
 * checkout token (reads exactly its repository while its job runs, never pushes). Without
 * credentials a private repository and one that does not exist look alike, and so they do to a user
 * who may not read it. A push whose right is withdrawn while it comes in moves no ref.
 *
 * After a push that moved refs, workflows are triggered before the answer ends, so that whoever
 * pushed sees the runs at once.
 */
#ifndef COORDINATOR_GIT_GIT_HTTP_H
#define COORDINATOR_GIT_GIT_HTTP_H

#include "coordinator/app/app.h"

#define GIT_HTTP_ROUTES 3
extern const struct httpd_route git_http_routes[GIT_HTTP_ROUTES];

/* Ends every child and frees what a push left unfinished; after httpd_free. */
void git_http_stop(struct app *a);

#endif
