/* The calls of libpq that these programs make. Each prototype is checked against the library's own
 * header. */
#include "base/late/late.h"

#include <libpq-fe.h>

LATE_NOTE(LATE_PQ, "postgres");
struct late_library late_pq = { LATE_PQ, "libpq", NULL };
#define LATE_LIBRARY late_pq
#define PQ_CALL LATE_CALL

/* It takes each * for a product. */
/* clang-format off */
PQ_CALL(ExecStatusType, PQresultStatus, (const PGresult *r), (r))
PQ_CALL(ConnStatusType, PQstatus, (const PGconn *c), (c))
PQ_CALL(PGTransactionStatusType, PQtransactionStatus, (const PGconn *c), (c))
PQ_CALL(PGcancel *, PQgetCancel, (PGconn *c), (c))
PQ_CALL(void, PQfreeCancel, (PGcancel *k), (k))
PQ_CALL(int, PQcancel, (PGcancel *k, char *text, int size), (k, text, size))
PQ_CALL(PGconn *, PQconnectdbParams,
	(const char *const *keys, const char *const *values, int expand),
	(keys, values, expand))
PQ_CALL(PQconninfoOption *, PQconninfoParse,
	(const char *dsn, char **ret_problem),
	(dsn, ret_problem))
PQ_CALL(void, PQconninfoFree, (PQconninfoOption *o), (o))
PQ_CALL(void, PQfreemem, (void *p), (p))
PQ_CALL(void, PQfinish, (PGconn *c), (c))
PQ_CALL(char *, PQerrorMessage, (const PGconn *c), (c))
PQ_CALL(int, PQserverVersion, (const PGconn *c), (c))
PQ_CALL(int, PQlibVersion, (void), ())
PQ_CALL(int, PQsocket, (const PGconn *c), (c))
PQ_CALL(int, PQconsumeInput, (PGconn *c), (c))
PQ_CALL(int, PQisBusy, (PGconn *c), (c))
PQ_CALL(int, PQenterPipelineMode, (PGconn *c), (c))
PQ_CALL(int, PQexitPipelineMode, (PGconn *c), (c))
PQ_CALL(int, PQpipelineSync, (PGconn *c), (c))
PQ_CALL(PGresult *, PQgetResult, (PGconn *c), (c))
PQ_CALL(PGresult *, PQexec, (PGconn *c, const char *text), (c, text))
PQ_CALL(int, PQsendPrepare,
	(PGconn *c, const char *name, const char *text, int n, const Oid *types),
	(c, name, text, n, types))
PQ_CALL(int, PQsendDescribePrepared, (PGconn *c, const char *name), (c, name))
PQ_CALL(int, PQsendQueryPrepared,
	(PGconn *c, const char *name, int n, const char *const *values, const int *lengths,
		const int *formats, int result),
	(c, name, n, values, lengths, formats, result))
PQ_CALL(int, PQsendQueryParams,
	(PGconn *c, const char *text, int n, const Oid *types, const char *const *values,
		const int *lengths, const int *formats, int result),
	(c, text, n, types, values, lengths, formats, result))
PQ_CALL(PGnotify *, PQnotifies, (PGconn *c), (c))
PQ_CALL(void, PQclear, (PGresult *r), (r))
PQ_CALL(char *, PQresultErrorField, (const PGresult *r, int field), (r, field))
PQ_CALL(char *, PQresultErrorMessage, (const PGresult *r), (r))
PQ_CALL(int, PQntuples, (const PGresult *r), (r))
PQ_CALL(int, PQnfields, (const PGresult *r), (r))
PQ_CALL(int, PQnparams, (const PGresult *r), (r))
PQ_CALL(char *, PQfname, (const PGresult *r, int i), (r, i))
PQ_CALL(Oid, PQftype, (const PGresult *r, int i), (r, i))
PQ_CALL(char *, PQgetvalue, (const PGresult *r, int row, int i), (r, row, i))
PQ_CALL(int, PQgetlength, (const PGresult *r, int row, int i), (r, row, i))
PQ_CALL(int, PQgetisnull, (const PGresult *r, int row, int i), (r, row, i))
PQ_CALL(char *, PQcmdTuples, (PGresult *r), (r))
PQ_CALL(char *, PQcmdStatus, (PGresult *r), (r))
PQ_CALL(int, PQputCopyData, (PGconn *c, const char *p, int n), (c, p, n))
PQ_CALL(int, PQputCopyEnd, (PGconn *c, const char *why), (c, why))
PQ_CALL(PQnoticeProcessor, PQsetNoticeProcessor,
	(PGconn *c, PQnoticeProcessor f, void *data),
	(c, f, data))
/* clang-format on */
