/* Types and values of PostgreSQL's binary format, as far as this program has them. Pure. */
#ifndef COORDINATOR_SQL_PG_VALUE_H
#define COORDINATOR_SQL_PG_VALUE_H

#include <libpq-fe.h>

#include "base/err.h"
#include "coordinator/sql/value.h"

Oid pg_type_of(char type);    /* of a value of sql.h's type string */
bool pg_type_known(Oid type); /* of a column that can be read */
enum value_kind pg_type_kind(Oid type);
bool pg_type_is_number(Oid type);

/* A number or a truth value: -1 when it is none, has a fraction or does not fit. */
int pg_number(Oid type, const char *p, size_t len, int64_t *ret) CHECK_RESULT;

#endif
