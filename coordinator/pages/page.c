/*
 * Nothing that is not on this host is ever asked for, no script and no style stands inside of a
 * page, and no other page may frame one: the policy says so to the browser, should an escape ever
 * be missing.
 */
#include "coordinator/pages/page.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/pages/asset.h"
#include "coordinator/pages/session.h"
#include "coordinator/store/run.h"

#define POLICY                                                                         \
	"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';" \
	" img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

/* ---- who asks ---- */

void viewer_release(struct viewer *v)
{
	pat_row_release(&v->who);
}

int viewer_of(struct app *a, struct httpd_request *r, struct viewer *ret, struct err *e)
{
	if (!httpd_header(r, "Authorization")) {
		session_viewer(a, r, ret);
		return 0;
	}
	if (auth_user(a, r, &ret->who, e) < 0)
		return -1;
	ret->known = true;
	return 0;
}

bool viewer_is_admin(const struct viewer *v)
{
	return v->known && v->who.site_admin && (v->session || v->who.scopes & SCOPE_ADMIN);
}

/* ---- what for ---- */

void place_release(struct place *p)
{
	viewer_release(&p->viewer);
	repo_row_release(&p->repo);
	run_brief_release(&p->run);
	job_row_release(&p->job);
	free(p->url);
	free(p->run_url);
	free(p->job_url);
}

static int find_repo(struct app *a, struct httpd_request *r, struct place *p, struct err *e)
{
	int64_t id;

	if (access_named(a, viewer_pat(&p->viewer), httpd_param(r, "owner"), httpd_param(r, "repo"),
		    ROLE_READ, &id, e) < 0 ||
		store_repo_get(a->store, id, &p->repo, e) < 0)
		return -1;
	p->url = xasprintf("/%s/%s", p->repo.owner, p->repo.name);
	return 0;
}

/* The run must be of that repository: else its page would stand under a name that is not its. */
static int find_run(struct app *a, struct httpd_request *r, struct place *p, struct err *e)
{
	struct access_row of;
	int64_t id = 0;

	if (!httpd_param_id(r, "id", &id) || store_access_run(a->store, 0, id, &of, NULL) < 0 ||
		of.repo_id != p->repo.id)
		return err_set(e, ERR_NOT_FOUND, "there is no such run");
	if (store_run_brief(a->store, id, &p->run, e) < 0)
		return -1;
	p->run_url = xasprintf("%s/runs/%" PRId64, p->url, id);
	return 0;
}

static int find_job(struct app *a, struct httpd_request *r, struct place *p, struct err *e)
{
	int64_t id = 0;

	if (!httpd_param_id(r, "job", &id) || store_job_get(a->store, id, &p->job, NULL) < 0 ||
		p->job.run_id != p->run.id)
		return err_set(e, ERR_NOT_FOUND, "there is no such job");
	p->job_url = xasprintf("%s/jobs/%" PRId64, p->run_url, id);
	return 0;
}

int place_of(struct app *a, struct httpd_request *r, enum place_depth depth, struct place *ret,
	struct err *e)
{
	if (viewer_of(a, r, &ret->viewer, e) < 0 || find_repo(a, r, ret, e) < 0)
		return -1;
	if (depth >= PLACE_RUN && find_run(a, r, ret, e) < 0)
		return -1;
	return depth >= PLACE_JOB ? find_job(a, r, ret, e) : 0;
}

/* ---- the frame ---- */

void page_begin(struct html *h, const struct viewer *v, const struct place *at, const char *title)
{
	CLEAN_STR char *full = at ? xasprintf("%s · %s/%s", title, at->repo.owner, at->repo.name)
				  : xasprintf("%s · shithub", title);

	html_head(h, &(struct html_head){ .title = full,
			     .style = asset_url(ASSET_STYLE),
			     .icon = asset_url(ASSET_ICON),
			     .script = asset_url(ASSET_SCRIPT),
			     .admin = v && viewer_is_admin(v),
			     .login = v && v->known ? v->who.login : NULL,
			     .token = v && v->session ? v->form_token : NULL });
	if (!at)
		return;
	CLEAN_STR char *schedule = xasprintf("%s/schedule", at->url);
	html_crumbs(h, &(struct html_crumbs){ .repo_url = at->url,
			       .owner = at->repo.owner,
			       .repo = at->repo.name,
			       .run_url = at->run_url,
			       .run = at->run.run_index,
			       .schedule_url = schedule });
}

void page_headers(struct httpd_request *r)
{
	httpd_add_header(r, "Content-Security-Policy", POLICY);
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	httpd_add_header(r, "Referrer-Policy", "same-origin");
	httpd_add_header(r, "Cross-Origin-Opener-Policy", "same-origin");
	httpd_add_header(r, "Cache-Control", "private, no-cache");
	httpd_add_header(r, "Vary", "Authorization, Cookie");
}

static void answer(struct httpd_request *r, unsigned status, struct html *h)
{
	page_headers(r);
	httpd_reply(r, status, "text/html; charset=utf-8", buf_cstr(&h->out), h->out.len);
}

void page_reply(struct httpd_request *r, unsigned status, struct html *h)
{
	struct err e = { 0 };

	html_foot(h, &(struct html_foot){ 0 });
	if (buf_ok(&h->out)) {
		answer(r, status, h);
		return;
	}
	err_set(&e, ERR_INTERNAL, "the page is larger than %zu bytes", (size_t)PAGE_MAX_BYTES);
	page_fail(r, &e);
}

/* ---- what went wrong ---- */

struct failure {
	enum err_class class;
	unsigned status;
	const char *what, *help;
};

static const struct failure failures[] = {
	{ ERR_NOT_FOUND, 404, "There is nothing here",
		"Either it does not exist, or it is private and you may not see it. Check the "
		"address, or sign in; runs are removed when their time is over." },
	{ ERR_INPUT, 400, "This address asks for something that cannot be", NULL },
	{ ERR_AUTH, 401, "Sign in first",
		"This is for users who are signed in, or show a valid token." },
	{ ERR_DENIED, 403, "You may not do this", NULL },
	{ ERR_CONFLICT, 409, "This is not possible now", NULL },
	{ ERR_TIMEOUT, 503, "The coordinator is busy", "Try again in a moment." },
	{ ERR_NET, 503, "A server that the coordinator needs does not answer",
		"Try again in a moment." },
};
static const struct failure internal = { ERR_INTERNAL, 500, "Something is wrong on our side",
	"It is not about what you asked for. Try again in a moment; if it stays, tell the operator "
	"of "
	"this coordinator, whose log says what it is under this reference:" };

enum { REFERENCE_DIGITS = 8 };

static const struct failure *failure_of(const struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (err_is(e, failures[i].class))
			return &failures[i];
	return &internal;
}

/* What went wrong on our side is told to the operator alone; the reference joins the two. */
static void failure_log(struct httpd_request *r, const struct err *e, char reference[TOKEN_HEX_MAX])
{
	token_random(reference);
	reference[REFERENCE_DIGITS] = '\0';
	log_error("pages", "page_failed", F_STR("reference", reference),
		F_STR("path", httpd_path(r)), F_ERR(e));
}

/* A stranger when that cannot be told. */
static void failure_viewer(struct httpd_request *r, struct viewer *ret)
{
	if (!httpd_header(r, "Authorization"))
		session_viewer(httpd_app(r), r, ret);
}

void page_fail(struct httpd_request *r, const struct err *e)
{
	CLEAN_VIEWER struct viewer viewer = { 0 };
	CLEAN_HTML struct html h;
	const struct failure *f = failure_of(e);
	char reference[TOKEN_HEX_MAX] = "";

	if (f == &internal)
		failure_log(r, e, reference);
	if (f->class == ERR_NET)
		log_error("pages", "page_unserved", F_STR("path", httpd_path(r)), F_ERR(e));
	if (f->status == 503)
		httpd_add_header(r, "Retry-After", "2");
	failure_viewer(r, &viewer);
	html_init(&h, PAGE_MAX_BYTES);
	page_begin(&h, &viewer, NULL, f->what);
	html_lost(&h, &(struct html_lost){ .status = f->status,
			      .what = f->what,
			      .help = f->help ? f->help : e->text,
			      .login = viewer.known ? viewer.who.login : NULL,
			      .reference = reference,
			      .when = *reference ? h.now : (struct wall){ 0 } });
	html_foot(&h, &(struct html_foot){ 0 });
	answer(r, f->status, &h);
}
