/*
 * libpq reports a lost connection as any other failure, so after each the connection is asked. How
 * long a dead peer is waited for is up to the kernel: tcp_user_timeout for bytes that are under
 * way; an idle connection is probed after 20 and after 30 seconds, and tcp_user_timeout ends it at
 * the second probe. The address may set all of them otherwise.
 */
#include "coordinator/sql/link.h"

#include <errno.h>
#include <poll.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

#define AGAIN_US USEC_PER_SEC
#define KEEP_AT_START "'5s'" /* the one before may be ending */
#define KEEP_AGAIN "'100ms'"
#define PASSWORD_MAX KIB(1)

/* ---- errors ---- */

/* The first line: what follows repeats the statement or guesses. */
static int word_length(const char *text)
{
	return (int)strcspn(text, "\n");
}

/* Of a link that serves: what an operator mends or a failover brings passes, and no caller is at
 * fault. */
static enum err_class class_now(const struct link *l, enum err_class class)
{
	return l->served && class == ERR_INPUT ? ERR_NET : class;
}

static int failed(struct link *l, struct err *e, enum err_class class, const char *text)
{
	class = class_now(l, class);
	err_clear(&l->last);
	err_set(&l->last, class, "store: %.*s", word_length(text), text);
	if (e)
		*e = l->last;
	return -1;
}

static int lost(struct link *l, struct err *e)
{
	CLEAN_STR char *why = xasprintf("%s: the connection is lost: %.*s", l->dsn.where,
		word_length(PQerrorMessage(l->conn)), PQerrorMessage(l->conn));

	return failed(l, e, ERR_NET, why);
}

#define UNDEFINED_TABLE "42P01"

static enum err_class state_class(const struct link *l, const char *state)
{
	static const struct {
		const char *state;
		enum err_class class;
	} known[] = {
		{ "23505", ERR_CONFLICT }, /* unique_violation */
		{ "55P03", ERR_TIMEOUT },  /* lock_not_available */
		{ "57014", ERR_TIMEOUT },  /* query_canceled: statement_timeout */
		{ "53", ERR_INTERNAL },    /* disk full, too many connections */
		{ "42501", ERR_INPUT },    /* insufficient_privilege */
		{ "25006", ERR_NET },      /* read_only_sql_transaction: a primary no more */
	};

	if (l->served && str_eq(state, UNDEFINED_TABLE))
		return ERR_NET; /* the schema is away */
	for (size_t i = 0; state && i < ARRAY_LEN(known); i++)
		if (str_starts(state, known[i].state))
			return known[i].class;
	return ERR_INTERNAL;
}

static int result_failed(struct link *l, const PGresult *r, struct err *e)
{
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (link_lost(l))
		return lost(l, e);
	return failed(l, e, state_class(l, PQresultErrorField(r, PG_DIAG_SQLSTATE)),
		text ? text : PQresultErrorMessage(r));
}

/* ---- connecting ---- */

static const char *remedy(const char *text)
{
	static const struct {
		const char *piece, *remedy;
	} known[] = {
		{ "could not translate host name", "check the host's name" },
		{ "Connection refused", "is the server running, and does it listen there?" },
		{ "No such file or directory", "is the server running, and is that its socket?" },
		{ "Permission denied", "may this user reach the server's socket?" },
		{ "timeout expired", "does a firewall stand between?" },
		{ "no password supplied", "add password_file=FILE, or use ~/.pgpass" },
		{ "password authentication failed", "check the password's file and the user" },
		{ "Peer authentication failed", "run as that user, or allow it in pg_hba.conf" },
		{ "no pg_hba.conf entry", "allow it in the server's pg_hba.conf" },
		{ "database \"", "make it: createdb -E UTF8 -O USER DATABASE" },
		{ "role \"", "make it: createuser USER" },
		{ "permission denied for database", "GRANT CONNECT ON DATABASE ... TO the user" },
		{ "too many clients", "raise max_connections" },
		{ "remaining connection slots", "raise max_connections" },
		{ "SSL", "check sslmode and sslrootcert" },
		{ "certificate", "check sslmode and sslrootcert" },
		{ "sslmode", "expected disable, prefer, require, verify-ca or verify-full" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(text, known[i].piece))
			return known[i].remedy;
	return "check the address and the server's log";
}

static int refused(struct link *l, const char *text, struct err *e)
{
	CLEAN_STR char *line =
		xasprintf("%s: %.*s (%s)", l->dsn.where, word_length(text), text, remedy(text));

	return failed(l, e, ERR_NET, line);
}

static int password_read(const struct dsn *d, struct buf *out, struct err *e)
{
	if (!d->password_file)
		return 0;
	if (file_read_private(d->password_file, "the password", out, e) < 0)
		return err_wrap(e, "store");
	size_t n = strcspn(buf_cstr(out), "\r\n");
	if (out->len)
		out->data[out->len = n] = '\0';
	return 0;
}

/* What stands before the address may be set otherwise by it, what stands behind may not. */
static int connect_now(struct link *l, struct err *e)
{
	struct buf password = BUF_INIT(PASSWORD_MAX);

	password.secret = true;
	int rc = password_read(&l->dsn, &password, e);
	if (rc == 0) {
		const char *const keys[] = { "application_name", "connect_timeout",
			"tcp_user_timeout", "keepalives_idle", "keepalives_interval", "dbname",
			"client_encoding", password.len ? "password" : NULL, NULL };
		const char *const values[] = { "shithubd", "5", "30000", "20", "10", l->dsn.uri,
			"UTF8", buf_cstr(&password), NULL };

		l->conn = PQconnectdbParams(keys, values, true);
	}
	buf_release_wipe(&password);
	if (rc == 0 && PQstatus(l->conn) != CONNECTION_OK)
		rc = refused(l, PQerrorMessage(l->conn), e);
	return rc;
}

/* ---- setting up ---- */

/* Plans are those that tests/lint/postgres.py has seen, whatever the tables' statistics say.
 *
 * One that has the write lock and is stopped, or whose host is gone, must not keep the others for
 * ever: a transaction that waits for its client ends, and a client that is gone is found out in a
 * minute. */
static const char setup[] = "SELECT set_config('synchronous_commit', 'on', false),"
			    " set_config('default_transaction_isolation', 'read committed', false),"
			    " set_config('statement_timeout', " STATEMENT_TIMEOUT
			    ", false), set_config('lock_timeout', '0', false),"
			    " set_config('idle_in_transaction_session_timeout', " IDLE_TIMEOUT
			    ", false), set_config('tcp_keepalives_idle', '30', false),"
			    " set_config('tcp_keepalives_interval', '10', false),"
			    " set_config('tcp_keepalives_count', '3', false),"
			    " set_config('jit', 'off', false),"
			    " set_config('plan_cache_mode', 'force_generic_plan', false),"
			    " set_config('enable_seqscan', 'off', false), current_schema()::text,"
			    " hashtextextended('shithubd ' || current_schema(), 0),"
			    " pg_is_in_recovery(), getdatabaseencoding()::text";
enum { SETUP_SCHEMA = 11, SETUP_KEY, SETUP_STANDBY, SETUP_ENCODING };

static int64_t number_at(const PGresult *r, int i)
{
	uint64_t n = 0;
	const unsigned char *p = (const unsigned char *)PQgetvalue(r, 0, i);

	for (int k = 0; k < PQgetlength(r, 0, i); k++)
		n = n << 8 | p[k];
	return (int64_t)n;
}

static int misfit(struct link *l, enum err_class class, const char *why, struct err *e)
{
	CLEAN_STR char *line = xasprintf("%s: %s", l->dsn.where, why);

	return failed(l, e, class, line);
}

/* A standby may be the primary soon: no wrong configuration. */
static int session_check(struct link *l, const PGresult *r, struct err *e)
{
	if (PQgetisnull(r, 0, SETUP_SCHEMA))
		return misfit(l, ERR_INPUT,
			"the search_path names no schema that is there and that the user may use; "
			"make one, and GRANT USAGE, CREATE ON SCHEMA ... TO the user",
			e);
	if (number_at(r, SETUP_STANDBY))
		return misfit(l, ERR_NET,
			"the server is a standby, which takes no changes; name the primary, or all "
			"hosts with target_session_attrs=read-write",
			e);
	if (!str_eq(PQgetvalue(r, 0, SETUP_ENCODING), "UTF8"))
		return misfit(l, ERR_INPUT,
			"the database is not UTF8; make another: createdb -E UTF8 -T template0", e);
	l->lock_key = number_at(r, SETUP_KEY);
	return 0;
}

/* Serves share it, so a copy of all rows, which takes it alone, meets none. */
static const char keep_shared[] = "SELECT pg_advisory_lock_shared("
				  "hashtextextended('shithubd serve ' || current_schema(), 0))";
static const char keep_alone[] =
	"SELECT pg_advisory_lock(hashtextextended('shithubd serve ' || current_schema(), 0))";

static int keep_wait(struct link *l, const char *patience, struct err *e)
{
	CLEAN_STR char *set = xasprintf("SET lock_timeout = %s", patience);

	link_text(l, set);
	link_text(l, l->keeps == LINK_SHARED ? keep_shared : keep_alone);
	link_text(l, "SET lock_timeout = 0");
	if (link_flush(l, e) == 0)
		return 0;
	if (l->last.class != ERR_TIMEOUT)
		return -1;
	CLEAN_STR char *why = xasprintf(
		"%s: %s, or give this one a schema of its own (search_path)", l->dsn.where,
		l->keeps == LINK_SHARED ? "a copy of all its rows is under way; wait for its end"
					: "a serve or another copy uses it; stop that one");
	return failed(l, e, ERR_NET, why);
}

int link_keep(struct link *l, enum link_keeps how, struct err *e)
{
	l->keeps = how;
	return keep_wait(l, KEEP_AT_START, e);
}

static int session_set(struct link *l, struct err *e)
{
	PGresult *r[LINK_BATCH_MAX] = { 0 };

	link_text(l, setup);
	int rc = link_send(l, e) < 0 ? -1 : link_results(l, r, e);
	if (rc == 0)
		rc = session_check(l, r[0], e);
	PQclear(r[0]);
	if (rc == 0 && l->sync_later) {
		link_text(l, "SET synchronous_commit = off");
		rc = link_flush(l, e);
	}
	return rc == 0 && l->keeps ? keep_wait(l, KEEP_AGAIN, e) : rc;
}

/* Notices are of what a migration finds there already. */
static void no_notice(void *data UNUSED, const char *text UNUSED)
{
}

static int connect_whole(struct link *l, struct err *e)
{
	if (connect_now(l, e) < 0)
		return -1;
	if (PQserverVersion(l->conn) < LINK_SERVER_MIN) {
		CLEAN_STR char *why = xasprintf("the server is PostgreSQL %d; expected 13 or newer",
			PQserverVersion(l->conn) / 10000);

		return misfit(l, ERR_INPUT, why, e);
	}
	PQsetNoticeProcessor(l->conn, no_notice, NULL);
	if (!PQenterPipelineMode(l->conn))
		return failed(l, e, ERR_INTERNAL, PQerrorMessage(l->conn));
	l->generation++;
	l->queued = 0;
	return session_set(l, e);
}

bool link_lost(const struct link *l)
{
	return !l->conn || PQstatus(l->conn) != CONNECTION_OK;
}

int link_up(struct link *l, struct err *e)
{
	struct err why = { 0 };

	if (!link_lost(l))
		return 0;
	if (l->refused_at.us && mono_diff(mono_now(), l->refused_at) < AGAIN_US) {
		if (e)
			*e = l->refused;
		return -1;
	}
	PQfinish(l->conn);
	l->conn = NULL;
	if (connect_whole(l, &why) == 0) {
		l->refused_at = (struct mono){ 0 };
		return 0;
	}
	PQfinish(l->conn);
	l->conn = NULL;
	if (l->served) /* a password's file that is gone, too */
		why.class = ERR_NET;
	l->refused_at = mono_now();
	l->last = l->refused = why;
	if (e)
		*e = why;
	return -1;
}

void link_release(struct link *l)
{
	PQfinish(l->conn);
	dsn_release(&l->dsn);
	*l = (struct link){ 0 };
}

/* ---- a batch ---- */

/* libpq refuses a command only when the connection or the memory is gone; link_send finds out. */
static void queued(struct link *l, int ok)
{
	if (!ok && !link_lost(l))
		BUG("libpq: %s", PQerrorMessage(l->conn));
	if (++l->queued > LINK_BATCH_MAX)
		BUG("more than %d commands in a batch", LINK_BATCH_MAX);
}

void link_text(struct link *l, const char *text)
{
	queued(l, PQsendQueryParams(l->conn, text, 0, NULL, NULL, NULL, NULL, 1));
}

void link_prepare(struct link *l, const char *name, const char *text, size_t n, const Oid *types)
{
	queued(l, PQsendPrepare(l->conn, name, text, (int)n, types));
}

void link_describe(struct link *l, const char *name)
{
	queued(l, PQsendDescribePrepared(l->conn, name));
}

void link_execute(struct link *l, const char *name, const struct sql_values *v)
{
	const char *values[SQL_VALUES_MAX];
	int lengths[SQL_VALUES_MAX], formats[SQL_VALUES_MAX];
	uint64_t numbers[SQL_VALUES_MAX]; /* in the order of the network */

	for (size_t i = 0; i < v->n; i++) {
		const struct sql_value *one = &v->v[i];

		formats[i] = 1;
		values[i] = one->kind == VALUE_NULL ? NULL : one->bytes;
		lengths[i] = (int)one->len;
		if (one->kind == VALUE_INT) {
			numbers[i] = htobe64((uint64_t)one->number);
			values[i] = (const char *)&numbers[i];
			lengths[i] = sizeof(numbers[i]);
		}
	}
	queued(l, PQsendQueryPrepared(l->conn, name, (int)v->n, values, lengths, formats, 1));
}

int link_send(struct link *l, struct err *e)
{
	if (PQpipelineSync(l->conn))
		return 0;
	l->queued = 0;
	return lost(l, e);
}

int link_wait(struct link *l, int64_t us, struct err *e)
{
	struct pollfd p = { .fd = PQsocket(l->conn), .events = POLLIN };
	const struct timespec span = { us / USEC_PER_SEC, us % USEC_PER_SEC * 1000 };

	if (!PQisBusy(l->conn))
		return 1;
	if (ppoll(&p, 1, &span, NULL) < 0 && errno != EINTR)
		return err_set_errno(e, errno, "store: poll");
	if (!PQconsumeInput(l->conn))
		return lost(l, e);
	return !PQisBusy(l->conn);
}

/* Of one command; what comes behind it up to the NULL is dropped. */
static PGresult *result_take(struct link *l)
{
	PGresult *first = PQgetResult(l->conn);

	for (PGresult *more; first && (more = PQgetResult(l->conn)); PQclear(more))
		;
	return first;
}

int link_results(struct link *l, PGresult *ret[LINK_BATCH_MAX], struct err *e)
{
	size_t n = l->queued, bad = n;

	l->queued = 0;
	for (size_t i = 0; i < n; i++) {
		ret[i] = result_take(l);
		ExecStatusType status = PQresultStatus(ret[i]);

		if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && bad == n)
			bad = i;
	}
	PGresult *sync = PQgetResult(l->conn); /* a lost connection shows here at the latest */
	bool whole = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
	PQclear(sync);
	if (bad < n)
		return result_failed(l, ret[bad], e);
	if (whole)
		return 0;
	return link_lost(l) ? lost(l, e) : failed(l, e, ERR_INTERNAL, "a batch without its end");
}

int link_flush(struct link *l, struct err *e)
{
	PGresult *r[LINK_BATCH_MAX] = { 0 };
	int rc = link_send(l, e) < 0 ? -1 : link_results(l, r, e);

	for (size_t i = 0; i < LINK_BATCH_MAX; i++)
		PQclear(r[i]);
	return rc;
}

void link_cancel(struct link *l)
{
	char why[256] = "";
	PGcancel *k = PQgetCancel(l->conn);

	if (!k || !PQcancel(k, why, sizeof(why)))
		log_warn("store", "cancel_failed", F_STR("reason", why));
	PQfreeCancel(k);
}

int link_script(struct link *l, const char *text, struct err *e)
{
	if (!PQexitPipelineMode(l->conn))
		return link_lost(l) ? lost(l, e)
				    : failed(l, e, ERR_INTERNAL, PQerrorMessage(l->conn));
	PGresult *r = PQexec(l->conn, text);
	ExecStatusType status = PQresultStatus(r);
	int rc = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? 0
									 : result_failed(l, r, e);

	PQclear(r);
	if (!link_lost(l) && !PQenterPipelineMode(l->conn))
		return failed(l, e, ERR_INTERNAL, PQerrorMessage(l->conn));
	return rc;
}

/* The end of a pipeline was seen to before; a failure of the copy comes with the result of its end.
 */
static PGresult *copy_send(struct link *l, const char *text, struct slice rows)
{
	enum { PIECE = 1 << 20 };
	PGresult *r = PQexec(l->conn, text);

	if (PQresultStatus(r) != PGRES_COPY_IN)
		return r;
	PQclear(r);
	for (size_t at = 0, n; at < rows.len; at += n) {
		n = rows.len - at < PIECE ? rows.len - at : PIECE;
		if (PQputCopyData(l->conn, rows.ptr + at, (int)n) < 0)
			return NULL;
	}
	if (PQputCopyEnd(l->conn, NULL) < 0)
		return NULL;
	r = PQgetResult(l->conn);
	for (PGresult *more; r && (more = PQgetResult(l->conn)); PQclear(more))
		;
	return r;
}

static int copy_failed(struct link *l, const PGresult *r, struct err *e)
{
	const char *detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL);
	int rc = result_failed(l, r, e);

	if (!detail || link_lost(l))
		return rc;
	CLEAN_STR char *text = xasprintf(
		"%s: %.*s", l->last.text + strlen("store: "), word_length(detail), detail);
	return failed(l, e, l->last.class, text);
}

int link_copy_in(struct link *l, const char *text, struct slice rows, struct err *e)
{
	if (!PQexitPipelineMode(l->conn))
		return link_lost(l) ? lost(l, e)
				    : failed(l, e, ERR_INTERNAL, PQerrorMessage(l->conn));
	PGresult *r = copy_send(l, text, rows);
	int rc = r && PQresultStatus(r) == PGRES_COMMAND_OK ? 0 : copy_failed(l, r, e);

	PQclear(r);
	if (!link_lost(l) && !PQenterPipelineMode(l->conn))
		return failed(l, e, ERR_INTERNAL, PQerrorMessage(l->conn));
	return rc;
}
