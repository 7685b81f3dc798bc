#include "coordinator/git_http.h"

#include <strings.h>

#include "coordinator/git_http_session.h"

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
	bool known;    /* and are good for something */
	bool checkout; /* a checkout token of this repository */
	unsigned scopes;
	char *name;
};

static void caller_release(struct caller *c)
{
	free(c->name);
}

static void identify(
	struct app *a, const char *token, const struct repo_row *repo, struct caller *c)
{
	struct pat_row pat = { 0 };

	c->given = true;
	if (!str_starts(token, PAT_PREFIX)) {
		c->checkout = repo && auth_checkout(a, token, repo->id, NULL) == 0;
		c->known = c->checkout;
	} else if (auth_pat(a, token, &pat, NULL) == 0) {
		c->known = true;
		c->scopes = pat.scopes;
		c->name = xstrdup(pat.name);
		pat_row_release(&pat);
	}
}

/* repo NULL: there is none of that name. */
static void read_caller(
	struct app *a, struct httpd_request *r, const struct repo_row *repo, struct caller *c)
{
	CLEAN_STR char *user = NULL;
	CLEAN_SECRET char *password = NULL;

	if (httpd_basic(r, &user, &password)) {
		/* some clients carry a token as the user name, with an empty password */
		identify(a, *password ? password : user, repo, c);
	} else if (httpd_bearer(r)) {
		identify(a, httpd_bearer(r), repo, c);
	} else if (httpd_header(r, "Authorization")) {
		c->given = true;
	}
}

/* True when the caller may; otherwise the request is answered. */
static bool permit(struct httpd_request *r, const struct repo_row *repo, enum git_service service,
	const struct caller *c)
{
	bool write = service == GIT_RECEIVE_PACK;
	bool reads = c->checkout || c->scopes & (SCOPE_REPO_READ | SCOPE_REPO_WRITE);

	if (c->given && !c->known) {
		ask_credentials(r);
		return false;
	}
	if (repo && (write ? c->scopes & SCOPE_REPO_WRITE : !repo->private || reads))
		return true;
	if (!c->given)
		ask_credentials(r);
	else if (!repo || (repo->private && !reads))
		httpd_error(r, 404, "no such repository");
	else if (c->checkout)
		httpd_error(r, 403, "a checkout token only reads");
	else
		httpd_error(r, 403, "the token lacks the scope repo:write");
	return false;
}

static int find_repo(struct app *a, struct httpd_request *r, struct repo_row *ret, struct err *e)
{
	const char *sent = httpd_param(r, "name");
	size_t n = strlen(sent) - (str_ends(sent, ".git") ? 4 : 0);
	CLEAN_STR char *name = xstrndup(sent, n);

	return store_repo_find(a->store, httpd_param(r, "owner"), name, ret, e);
}

/* *ret and *c filled and true, or answered. */
static bool admit(struct app *a, struct httpd_request *r, enum git_service service,
	struct repo_row *ret, struct caller *c)
{
	struct err e = { 0 };
	bool found = find_repo(a, r, ret, &e) == 0;

	if (!found && !err_is(&e, ERR_NOT_FOUND) && !err_is(&e, ERR_INPUT)) {
		httpd_reply_err(r, &e);
		return false;
	}
	read_caller(a, r, found ? ret : NULL, c);
	return permit(r, found ? ret : NULL, service, c);
}

/* The header goes into the child's environment: only what git itself would send there. */
static const char *protocol_of(const struct httpd_request *r)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=:-_.";
	const char *v = httpd_header(r, "Git-Protocol");

	return v && *v && strlen(v) <= 128 && strspn(v, chars) == strlen(v) ? v : NULL;
}

static struct git_session *start(
	struct app *a, struct httpd_request *r, const struct git_session_spec *asked)
{
	struct git_session_spec spec = *asked;
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(caller_release) struct caller caller = { 0 };
	struct err e = { 0 };

	if (!admit(a, r, spec.service, &repo, &caller))
		return NULL;
	no_cache(r);
	spec.request = r;
	spec.repo = &repo;
	spec.pusher = caller.name;
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
	struct git_session *s = start(app, r, &spec);
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
		(void)!start(a, r, &spec);
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
