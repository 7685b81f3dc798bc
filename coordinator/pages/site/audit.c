/* The audit table. */
#include "coordinator/pages/site/site.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/site/admin_list.h"
#include "coordinator/store/audit.h"

enum { TEXT_MAX = 300 };

struct audit_page {
	struct viewer viewer;
	char *target;   /* "runner" or "runner:5", as typed */
	int64_t before; /* 0: from the newest */
	struct audit_rows entries;
};

static void audit_page_release(struct audit_page *p)
{
	viewer_release(&p->viewer);
	audit_rows_release(&p->entries);
	free(p->target);
}

static int audit_page_load(
	struct app *a, struct httpd_request *r, struct audit_page *p, struct err *e)
{
	if (admin_viewer(a, r, &p->viewer, e) < 0 ||
		query_text(r, "target", TEXT_MAX, &p->target, e) < 0 ||
		query_number(r, "before", &p->before, e) < 0)
		return -1;
	const char *colon = p->target ? strchr(p->target, ':') : NULL;
	CLEAN_STR char *kind = p->target ? xstrndup(p->target, strcspn(p->target, ":")) : NULL;
	const struct audit_filter filter = { .target_kind = kind,
		.target = colon ? colon + 1 : NULL,
		.page = { .limit = ADMIN_ROWS_SHOWN + 1, .after = p->before } };
	if (store_audit_list(a->store, &filter, &p->entries, e) == 0)
		return 0;
	return err_is(e, ERR_INPUT) ? err_wrap(e, "before") : -1;
}

/* The list of what befell one thing, or things of one kind. */
static char *url_of(const char *kind, const char *target)
{
	struct buf url = BUF_INIT(KIB(8));

	buf_adds(&url, "/audit");
	if (kind) {
		buf_adds(&url, "?target=");
		percent_encode(&url, kind);
	}
	if (target) {
		buf_adds(&url, "%3A");
		percent_encode(&url, target);
	}
	return buf_take(&url);
}

static const char *word_of(const char *outcome)
{
	if (str_eq(outcome, "done"))
		return "success";
	return str_eq(outcome, "begun") ? "running" : "warning";
}

static void write_entry(struct html *h, const struct audit_row *r)
{
	CLEAN_STR char *url = url_of(r->target_kind, r->target);

	html_audit_row(h, &(struct html_audit_row){ .word = word_of(r->outcome),
				  .verb = r->verb,
				  .target_url = url,
				  .kind = r->target_kind,
				  .target = r->target,
				  .by = r->by,
				  .who = r->who,
				  .address = r->address,
				  .outcome = r->outcome,
				  .reason = r->reason,
				  .when = r->at });
}

void page_audit(struct httpd_request *r, void *app)
{
	CLEANUP(audit_page_release) struct audit_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (audit_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *url = url_of(p.target, NULL);
	page_begin(&h, &p.viewer, NULL, "Audit");
	html_audit_begin(&h, &(struct html_audit_begin){ p.target, p.target ? "/audit" : NULL });
	html_list_begin(&h, &(struct html_list_begin){ 0 });
	size_t shown = p.entries.n < ADMIN_ROWS_SHOWN ? p.entries.n : ADMIN_ROWS_SHOWN;
	for (size_t i = 0; i < shown; i++)
		write_entry(&h, &p.entries.v[i]);
	html_list_end(&h, &(struct html_list_end){ 0 });
	admin_pages(&h, url, p.before, p.entries.n, shown ? p.entries.v[shown - 1].id : 0);
	page_reply(r, 200, &h);
}
