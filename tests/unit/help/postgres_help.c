/* By libpq, not by the engine under test. */
#include "tests/unit/help/postgres_help.h"

#include <libpq-fe.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SEARCH_PATH "options=-csearch_path%3D"

char *postgres_server(void)
{
	const char *address = getenv("SHITHUB_TEST_POSTGRES");

	if (!address)
		fail_msg("there is no server; run this below deploy/local/postgres.sh");
	return xstrdup(address);
}

static void quiet(void *data UNUSED, const char *text UNUSED)
{
}

void postgres_run(const char *text)
{
	CLEAN_STR char *server = postgres_server();
	const char *const keys[] = { "dbname", NULL };
	const char *const values[] = { server, NULL };
	PGconn *c = PQconnectdbParams(keys, values, true);

	PQsetNoticeProcessor(c, quiet, NULL);
	PGresult *r = PQexec(c, text);
	ExecStatusType status = PQresultStatus(r);
	CLEAN_STR char *why = xstrdup(PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		fail_msg("%s: %s", text, why);
}

char *postgres_place_make(void)
{
	static unsigned count;
	CLEAN_STR char *server = postgres_server();
	CLEAN_STR char *name = xasprintf("t%d_%u", (int)getpid(), ++count);
	CLEAN_STR char *text =
		xasprintf("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", name, name);

	postgres_run(text);
	return xasprintf("%s%c%s%s", server, strchr(server, '?') ? '&' : '?', SEARCH_PATH, name);
}

void postgres_place_drop(const char *address)
{
	const char *name = strstr(address, SEARCH_PATH);

	assert_non_null(name);
	CLEAN_STR char *text = xasprintf("DROP SCHEMA %s CASCADE", name + strlen(SEARCH_PATH));
	postgres_run(text);
}
