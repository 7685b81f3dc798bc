/* libpq parses its own; only password_file is taken out before. */
#include "coordinator/sql/dsn.h"

#include <libpq-fe.h>

#include "base/buf.h"
#include "base/late/late.h"
#include "base/limits.h"

#define DSN_MAX KIB(4)
#define PASSWORD_FILE "password_file="

bool dsn_is_postgres(const char *store)
{
	return str_starts(store, "postgres://") || str_starts(store, "postgresql://");
}

void dsn_release(struct dsn *d)
{
	free(d->uri);
	free(d->password_file);
	free(d->where);
	*d = (struct dsn){ 0 };
}

/* The URI without the parameter password_file, whose value is kept. */
static void password_file_take(const char *store, struct dsn *ret)
{
	CLEAN_BUF struct buf out = BUF_INIT(DSN_MAX);
	const char *at = strchr(store, '?');
	size_t n = at ? (size_t)(at - store) : strlen(store);
	char join = '?';

	buf_add(&out, store, n);
	while (at && *at) {
		size_t len = strcspn(++at, "&");

		if (len >= strlen(PASSWORD_FILE) && str_starts(at, PASSWORD_FILE)) {
			free(ret->password_file);
			ret->password_file =
				xmemdup0(at + strlen(PASSWORD_FILE), len - strlen(PASSWORD_FILE));
		} else if (len) {
			buf_addc(&out, join);
			buf_add(&out, at, len);
			join = '&';
		}
		at += len;
	}
	ret->uri = xstrdup(buf_cstr(&out));
}

static const char *option(const PQconninfoOption *all, const char *key)
{
	for (; all->keyword; all++)
		if (str_eq(all->keyword, key))
			return all->val && *all->val ? all->val : NULL;
	return NULL;
}

static char *where_text(const PQconninfoOption *o)
{
	CLEAN_BUF struct buf out = BUF_INIT(DSN_MAX * 2);
	const char *name = option(o, "dbname"), *user = option(o, "user");
	const char *host = option(o, "host"), *port = option(o, "port");

	if (!host)
		host = option(o, "hostaddr");
	buf_addf(&out, "database %s", name ? name : "(the user's)");
	if (user)
		buf_addf(&out, " of %s", user);
	buf_addf(&out, " at %s", host ? host : "the local socket");
	if (port)
		buf_addf(&out, ":%s", port);
	return xstrdup(buf_cstr(&out));
}

/* libpq's words quote the text, in which a password may be. */
static int not_parsed(struct err *e)
{
	return err_set(e, ERR_INPUT,
		"store: not an address of a PostgreSQL database; expected "
		"postgres://USER@HOST:PORT/DATABASE, then ?KEY=VALUE&... of libpq, with %% and "
		"other special characters written as %%XX");
}

int dsn_parse(const char *store, struct dsn *ret, struct err *e)
{
	CLEANUP(dsn_release) struct dsn d = { 0 };
	char *problem = NULL;

	if (late_load(&late_pq, e) < 0)
		return err_wrap(e, "store: PostgreSQL needs the package libpq5");
	if (strlen(store) >= DSN_MAX)
		return err_set(e, ERR_LIMIT, "store: longer than %d bytes", (int)DSN_MAX);
	password_file_take(store, &d);
	PQconninfoOption *o = PQconninfoParse(d.uri, &problem);
	PQfreemem(problem);
	if (!o)
		return not_parsed(e);
	bool open = option(o, "password") || option(o, "sslpassword");
	d.where = where_text(o);
	PQconninfoFree(o);
	if (open)
		return err_set(e, ERR_INPUT,
			"store: a password in the address is seen by everybody; write it into a "
			"file "
			"of mode 0600 and add password_file=FILE to the address");
	*ret = d;
	d = (struct dsn){ 0 };
	return 0;
}
