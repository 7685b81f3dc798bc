/* A page beyond the end is empty, as in the field; what is no number is refused. */
#include "coordinator/api/page.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/codec.h"

static int number_of(const struct httpd_request *r, const char *name, int64_t min, int64_t max,
	int64_t *v, struct err *e)
{
	const char *text = httpd_query(r, name);

	if (!text || parse_i64(text, min, max, v))
		return 0;
	if (max == INT64_MAX)
		return err_set(e, ERR_INPUT,
			"%s \"%.40s\": expected the id of an entry of this list", name, text);
	return err_set(e, ERR_INPUT, "%s \"%.40s\": expected a number from %" PRId64 " to %" PRId64,
		name, text, min, max);
}

int api_page_of(const struct httpd_request *r, bool numbered, struct api_page *ret, struct err *e)
{
	struct api_page p = { .limit = PER_PAGE, .number = 1 };
	const char *page = httpd_query(r, "page"), *after = httpd_query(r, "after");

	if (page && !numbered)
		return err_set(e, ERR_INPUT,
			"page: is not known here, expected after and the id of "
			"the last entry seen");
	if (page && after)
		return err_set(e, ERR_INPUT, "page and after: expected one of them");
	if (number_of(r, "page", 1, PAGE_MAX, &p.number, e) < 0 ||
		number_of(r, "per_page", 1, PER_PAGE_MAX, &p.limit, e) < 0 ||
		number_of(r, "after", -INT64_MAX, INT64_MAX, &p.after, e) < 0)
		return -1;
	if (after && !p.after)
		return err_set(
			e, ERR_INPUT, "after \"0\": expected the id of an entry of this list");
	*ret = p;
	return 0;
}

void api_page_more(
	struct httpd_request *r, const struct app *a, int64_t last, const char *const *kept)
{
	CLEAN_BUF struct buf url = BUF_INIT(KIB(16));
	CLEAN_STR char *id = xasprintf("%" PRId64, last);

	buf_addf(&url, "<%s%s", a->public_url, httpd_path(r));
	percent_field(&url, "after", id);
	percent_field(&url, "per_page", httpd_query(r, "per_page"));
	for (; *kept; kept++)
		percent_field(&url, *kept, httpd_query(r, *kept));
	buf_adds(&url, ">; rel=\"next\"");
	if (!url.failed)
		httpd_add_header(r, "Link", buf_cstr(&url));
}
