/*
 * The values of a statement as every engine binds them: read from a call's arguments by its type
 * string (sql.h).
 */
#ifndef COORDINATOR_SQL_VALUE_H
#define COORDINATOR_SQL_VALUE_H

#include <stdarg.h>

#include "base/buf.h"
#include "base/err.h"

enum { SQL_VALUES_MAX = 64 }; /* more is a bug */

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BYTES };
struct sql_value {
	enum value_kind kind;
	int64_t number;
	const char *bytes; /* of text and bytes; never NULL with them */
	size_t len;
	char *owned; /* bytes, when the list made them */
};
struct sql_values {
	size_t n;
	struct sql_value v[SQL_VALUES_MAX]; /* so many are set */
};

/* Texts and bytes are borrowed; lists and maps become JSON text of its own. */
int values_read(struct sql_values *v, const char *types, va_list *ap, struct err *e) CHECK_RESULT;
void values_release(struct sql_values *v); /* wipes what it owns */

struct query;
/* Of the row that sql_next found: what stands there, whatever was meant to. */
enum value_kind col_kind(struct query *q, int i);

#endif
