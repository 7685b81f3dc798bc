/*
 * Who may do what with which repository, decided before git runs. The order of the answers
 * matters: without credentials a private repository and one that does not exist look the same
 * (401), and with credentials that do not suffice too (404).
 */
#include "coordinator/git/git_http.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

#include "coordinator/app/access.h"
#include "base/log.h"
#include "coordinator/git/session.h"
#include "coordinator/repo/repo.h"
#include "coordinator/store/repo.h"

/* Answers that every one of git's requests gets: nothing in between may keep them. */
static void no_cache(struct httpd_request *r)
{
	httpd_add_header(r, "Cache-Control", "no-cache, max-age=0, must-revalidate");
}

static void ask_credentials(struct httpd_request *r)
{
	httpd_add_header(r, "WWW-Authenticate", "Basic realm=\"shithub\", charset=\"UTF-8\"");
	httpd_error(r, 401, "credentials needed: a personal access token as password");
}

struct caller {
	bool given;    /* credentials were sent */
	bool known;    /* and are valid here */
	bool checkout; /* a checkout token of this repository */
	struct pat_row pat;
};

static void caller_release(struct caller *c)
{
	pat_row_release(&c->pat);
}

struct repo_name {
	const char *owner;
	char *name;
};

static void repo_name_release(struct repo_name *n)
{
	free(n->name);
}

static struct repo_name name_of(const struct httpd_request *r)
{
	const char *sent = httpd_param(r, "name");
	size_t n = strlen(sent) - (str_ends(sent, ".git") ? 4 : 0);

	return (struct repo_name){ httpd_param(r, "owner"), xstrndup(sent, n) };
}

static void identify_caller(
	struct app *a, const char *token, const struct repo_name *name, struct caller *c)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };

	c->given = true;
	if (str_starts(token, PAT_PREFIX)) {
		c->known = auth_pat(a, token, &c->pat, NULL) == 0;
		return;
	}
	c->checkout = store_repo_find(a->store, name->owner, name->name, &repo, NULL) == 0 &&
		      auth_checkout(a, token, repo.id, NULL) == 0;
	c->known = c->checkout;
}

static void read_caller(
	struct app *a, struct httpd_request *r, const struct repo_name *name, struct caller *c)
{
	CLEAN_STR char *user = NULL;
	CLEAN_SECRET char *password = NULL;

	if (httpd_basic(r, &user, &password)) {
		/* some clients carry a token as the user name, with an empty password */
		identify_caller(a, *password ? password : user, name, c);
	} else if (httpd_bearer(r)) {
		identify_caller(a, httpd_bearer(r), name, c);
	} else if (httpd_header(r, "Authorization")) {
		c->given = true;
	}
	if (c->known)
		httpd_trust(r);
}

static int find_checkout(struct app *a, const struct repo_name *name, enum git_service service,
	struct repo_row *ret, struct err *e)
{
	if (service == GIT_RECEIVE_PACK)
		return err_set(e, ERR_DENIED, "a checkout token only reads");
	return store_repo_find(a->store, name->owner, name->name, ret, e);
}

static int find_repo(struct app *a, const struct repo_name *name, enum git_service service,
	const struct caller *c, struct repo_row *ret, struct err *e)
{
	const struct pat_row *who = c->known ? &c->pat : NULL;
	int64_t id;

	if (c->checkout)
		return find_checkout(a, name, service, ret, e);
	if (access_named(a, who, name->owner, name->name,
		    service == GIT_RECEIVE_PACK ? ROLE_WRITE : ROLE_READ, &id, e) < 0)
		return -1;
	return store_repo_get(a->store, id, ret, e);
}

/* *ret and *c filled and true, or answered. */
static bool admit_caller(struct app *a, struct httpd_request *r, enum git_service service,
	struct repo_row *ret, struct caller *c)
{
	CLEANUP(repo_name_release) struct repo_name name = name_of(r);
	struct err e = { 0 };

	read_caller(a, r, &name, c);
	if (c->given && !c->known) {
		ask_credentials(r);
		return false;
	}
	if (find_repo(a, &name, service, c, ret, &e) == 0)
		return true;
	if (!c->given && (err_is(&e, ERR_NOT_FOUND) || err_is(&e, ERR_DENIED)))
		ask_credentials(r);
	else
		httpd_reply_err(r, &e);
	return false;
}

/* The header goes into the child's environment: only what git itself would send there. */
static const char *protocol_of(const struct httpd_request *r)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=:-_.";
	const char *v = httpd_header(r, "Git-Protocol");

	return v && *v && strlen(v) <= 128 && strspn(v, chars) == strlen(v) ? v : NULL;
}

/* On a serve that does not have the folder of the others, or while that is not mounted. The path is
 * for the operator alone. */
static bool folder_is_here(struct app *a, struct httpd_request *r, const struct repo_row *repo)
{
	CLEAN_STR char *path = repo_path(a->data_dir, repo);
	int64_t left_out;

	if (access(path, F_OK) == 0)
		return true;
	if (log_limit_pass(&a->git_said, mono_now(), &left_out))
		log_error("git", "repository_missing", F_STR("path", path),
			F_STR("why", strerror(errno)), F_INT("left_out", left_out),
			F_STR("remedy", "mount the folder of repositories; several serves need "
					"server.repositories, the same for all"));
	httpd_add_header(r, "Retry-After", "30");
	httpd_error(r, 503, "%s/%s: its folder is not on this host, or not mounted", repo->owner,
		repo->name);
	return false;
}

static struct git_session *start_session(
	struct app *a, struct httpd_request *r, const struct git_session_spec *asked)
{
	struct git_session_spec spec = *asked;
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(caller_release) struct caller caller = { 0 };
	struct err e = { 0 };

	if (!admit_caller(a, r, spec.service, &repo, &caller) || !folder_is_here(a, r, &repo))
		return NULL;
	no_cache(r);
	spec.request = r;
	spec.repo = &repo;
	spec.caller = caller.checkout ? GIT_CALLER_JOB
		      : caller.known  ? GIT_CALLER_USER
				      : GIT_CALLER_ANONYMOUS;
	spec.pusher = caller.pat.login;
	spec.pat_id = caller.pat.id;
	spec.protocol = protocol_of(r);
	struct git_session *s = git_session_start(a, &spec, &e);
	if (!s && err_is(&e, ERR_CONFLICT)) {
		httpd_add_header(r, "Retry-After", "2");
		httpd_error(r, 503, "%s", e.text);
	} else if (!s) {
		err_wrap(&e, "%s/%s", repo.owner, repo.name);
		e.class = ERR_INTERNAL;
		httpd_reply_err(r, &e);
	}
	return s;
}

static void info_refs(struct httpd_request *r, void *app)
{
	const char *service = httpd_query(r, "service");
	struct git_session_spec spec = { .advertise = true };

	if (str_eq(service, git_service_name(GIT_RECEIVE_PACK))) {
		spec.service = GIT_RECEIVE_PACK;
	} else if (!str_eq(service, git_service_name(GIT_UPLOAD_PACK))) {
		httpd_error(
			r, 403, "service not known, expected git-upload-pack or git-receive-pack");
		return;
	}
	struct git_session *s = start_session(app, r, &spec);
	if (s)
		git_session_body_done(s);
}

/* The content type is checked because a browser cannot send it across sites unasked. */
static bool headers_fit(struct httpd_request *r, enum git_service service, bool *ret_gzip)
{
	CLEAN_STR char *type = xasprintf("application/x-%s-request", git_service_name(service));
	const char *encoding = httpd_header(r, "Content-Encoding");

	if (!str_eq(httpd_header(r, "Content-Type"), type)) {
		httpd_error(r, 415, "content type not known, expected %s", type);
		return false;
	}
	*ret_gzip = encoding &&
		    (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0);
	if (encoding && !*ret_gzip && strcasecmp(encoding, "identity") != 0) {
		httpd_error(r, 415, "content encoding not known, expected gzip or none");
		return false;
	}
	return true;
}

static void rpc_begin(struct httpd_request *r, struct app *a, enum git_service service)
{
	struct git_session_spec spec = { .service = service };

	if (headers_fit(r, service, &spec.gzip))
		(void)start_session(a, r, &spec);
}

static void upload_begin(struct httpd_request *r, void *app)
{
	rpc_begin(r, app, GIT_UPLOAD_PACK);
}

static void receive_begin(struct httpd_request *r, void *app)
{
	rpc_begin(r, app, GIT_RECEIVE_PACK);
}

static void rpc_body_in(struct httpd_request *r, void *app)
{
	struct app *a = app;

	git_session_body_done(git_session_of(a, r));
}

const struct httpd_route git_http_routes[GIT_HTTP_ROUTES] = {
	{ "GET", "/{owner}/{name}/info/refs", HTTPD_NO_BODY, 0, NULL, info_refs },
	{ "POST", "/{owner}/{name}/git-upload-pack", HTTPD_STREAMED, 0, upload_begin, rpc_body_in },
	{ "POST", "/{owner}/{name}/git-receive-pack", HTTPD_STREAMED, 0, receive_begin,
		rpc_body_in },
};

void git_http_stop(struct app *a)
{
	git_sessions_stop(a);
}
