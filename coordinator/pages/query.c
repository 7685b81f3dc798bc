/* A form sends each of its fields, those that were left alone too: empty means not asked for. */
#include "coordinator/pages/query.h"

int query_text(
	const struct httpd_request *r, const char *name, size_t max, char **ret, struct err *e)
{
	const char *sent = httpd_query(r, name);

	*ret = NULL;
	if (!sent || !*sent)
		return 0;
	if (strlen(sent) > max)
		return err_set(e, ERR_INPUT, "%s is longer than %zu bytes", name, max);
	*ret = xstrdup(sent);
	return 0;
}

int query_number(const struct httpd_request *r, const char *name, int64_t *ret, struct err *e)
{
	const char *sent = httpd_query(r, name);

	*ret = 0;
	if (!sent || !*sent)
		return 0;
	if (!parse_i64(sent, 1, INT64_MAX, ret))
		return err_set(
			e, ERR_INPUT, "%s \"%.40s\": expected a number from 1 on", name, sent);
	return 0;
}
