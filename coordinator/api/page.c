/* A page beyond the end is empty, as in the field; what is no number is refused. */
#include "coordinator/api/page.h"

static int number_of(
	const struct httpd_request *r, const char *name, int64_t max, int64_t *v, struct err *e)
{
	const char *text = httpd_query(r, name);

	if (text && !parse_i64(text, 1, max, v))
		return err_set(e, ERR_INPUT, "%s \"%.40s\": expected a number from 1 to %d", name,
			text, (int)max);
	return 0;
}

int page_of(const struct httpd_request *r, struct page *ret, struct err *e)
{
	int64_t page = 1, per_page = PER_PAGE;

	if (number_of(r, "page", PAGE_MAX, &page, e) < 0 ||
		number_of(r, "per_page", PER_PAGE_MAX, &per_page, e) < 0)
		return -1;
	*ret = (struct page){ .limit = per_page, .offset = (page - 1) * per_page };
	return 0;
}
