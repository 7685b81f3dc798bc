/* Evidence of host hygiene, as runners reported it; the documents are theirs and shown as text. */
#include "coordinator/pages/site/site.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/codec.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/site/admin_list.h"
#include "coordinator/store/hygiene.h"

enum { TEXT_MAX = 300, DOCUMENTS_SHOWN = 8 << 10 };

static const struct {
	const char *status, *word, *label;
} statuses[] = {
	{ "planned", "queued", "planned" },
	{ "action_started", "running", "action started" },
	{ "completed", "success", "completed" },
	{ "failed", "failure", "failed" },
};

struct hygiene_page {
	struct viewer viewer;
	char *host, *action, *status;
	int64_t before; /* 0: from the newest */
	struct hygiene_list records;
};

static void hygiene_page_release(struct hygiene_page *p)
{
	viewer_release(&p->viewer);
	hygiene_list_release(&p->records);
	free(p->host);
	free(p->action);
	free(p->status);
}

static size_t status_index(const char *status)
{
	size_t i = 0;

	while (i < ARRAY_LEN(statuses) && !str_eq(statuses[i].status, status))
		i++;
	return i;
}

static int filter_read(struct httpd_request *r, struct hygiene_page *p, struct err *e)
{
	if (query_text(r, "host", TEXT_MAX, &p->host, e) < 0 ||
		query_text(r, "action", TEXT_MAX, &p->action, e) < 0 ||
		query_text(r, "status", TEXT_MAX, &p->status, e) < 0 ||
		query_number(r, "before", &p->before, e) < 0)
		return -1;
	if (p->status && status_index(p->status) == ARRAY_LEN(statuses))
		return err_set(e, ERR_INPUT,
			"status \"%.40s\": expected planned, action_started, completed or failed",
			p->status);
	return 0;
}

static int hygiene_page_load(
	struct app *a, struct httpd_request *r, struct hygiene_page *p, struct err *e)
{
	if (admin_viewer(a, r, &p->viewer, e) < 0 || filter_read(r, p, e) < 0)
		return -1;
	const struct hygiene_filter filter = { p->host, p->action, p->status };
	const struct page page = { .limit = ADMIN_ROWS_SHOWN + 1, .after = p->before };
	return store_hygiene_list(a->store, &filter, &page, &p->records, e);
}

static char *url_of(const char *host, const char *action, const char *status)
{
	struct buf url = BUF_INIT(KIB(8));

	buf_adds(&url, "/hygiene");
	percent_field(&url, "host", host);
	percent_field(&url, "action", action);
	percent_field(&url, "status", status);
	return buf_take(&url);
}

static void write_filter(struct html *h, const struct hygiene_page *p)
{
	bool any = p->host || p->action || p->status;

	html_hygiene_begin(h, &(struct html_hygiene_begin){ p->host, p->action });
	html_option(h, &(struct html_option){ .value = "", .label = "any" });
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		html_option(h, &(struct html_option){ .value = statuses[i].status,
				       .label = statuses[i].label,
				       .chosen = str_eq(statuses[i].status, p->status) });
	html_hygiene_begin_end(
		h, &(struct html_hygiene_begin_end){ .clear = any ? "/hygiene" : NULL });
}

static void write_record(struct html *h, const struct hygiene_row *r)
{
	size_t status = status_index(r->status);
	bool known = status < ARRAY_LEN(statuses);
	CLEAN_STR char *host_url = url_of(r->host, NULL, NULL);
	CLEAN_STR char *runner_url = xasprintf("/runners/%" PRId64, r->runner_id);
	CLEAN_STR char *cut = xstrndup(r->documents,
		utf8_whole_prefix(r->documents, strnlen(r->documents, DOCUMENTS_SHOWN)));
	bool whole = strlen(cut) == strlen(r->documents);
	CLEAN_STR char *shown = xasprintf("%s%s", cut, whole ? "" : " …");

	html_hygiene_row(h, &(struct html_hygiene_row){ .word = known ? statuses[status].word : "",
				    .action = r->action,
				    .status = known ? statuses[status].label : r->status,
				    .host_url = host_url,
				    .host = r->host,
				    .runner_url = runner_url,
				    .runner = r->runner,
				    .key = r->key,
				    .id = r->id,
				    .documents = shown,
				    .when = r->created_at });
}

void page_hygiene(struct httpd_request *r, void *app)
{
	CLEANUP(hygiene_page_release) struct hygiene_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (hygiene_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *url = url_of(p.host, p.action, p.status);
	page_begin(&h, &p.viewer, NULL, "Hygiene");
	write_filter(&h, &p);
	html_list_begin(&h, &(struct html_list_begin){ 0 });
	size_t shown = p.records.n < ADMIN_ROWS_SHOWN ? p.records.n : ADMIN_ROWS_SHOWN;
	for (size_t i = 0; i < shown; i++)
		write_record(&h, &p.records.v[i]);
	html_list_end(&h, &(struct html_list_end){ 0 });
	admin_pages(&h, url, p.before, p.records.n, shown ? p.records.v[shown - 1].id : 0);
	page_reply(r, 200, &h);
}
