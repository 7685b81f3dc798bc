/*
 * Rows by tables, as json_decode reads JSON: which columns a SELECT asks for, where each of them
 * goes and what has to be freed stand in one place, so that a new column is one line. For this
 * folder and the rooms whose files hold SQL only.
 *
 *   static const struct column columns[] = {
 *           COLUMN("id", COLUMN_INT, thing_row, id),
 *           COLUMN("coalesce(owner_id, 0)", COLUMN_INT, thing_row, owner_id), … };
 *   static const struct row_type thing_type = ROW_TYPE(thing_row, columns);
 *
 * A row starts zeroed. On an error it holds what was read so far: release it.
 */
#ifndef COORDINATOR_SQL_ROW_H
#define COORDINATOR_SQL_ROW_H

#include "coordinator/sql/sql.h"

enum column_kind {
	COLUMN_INT,   /* int64_t */
	COLUMN_BOOL,  /* bool */
	COLUMN_TEXT,  /* char *, NULL for null */
	COLUMN_BYTES, /* char *, never NULL, its size_t at .length */
	COLUMN_WALL,  /* struct wall */
	COLUMN_STRV,  /* struct strv, JSON text in the store */
	COLUMN_PAIRS, /* struct pairs, likewise */
	COLUMN_WORD,  /* an enum, of which .parse knows the words; text NULL for null */
};
/* Sets *to, an enum. */
typedef int column_parse(const char *text, void *to, struct err *e);
struct column {
	const char *sql; /* an expression of the SELECT */
	enum column_kind kind;
	size_t offset, length;
	column_parse *parse;
};
struct row_type {
	const struct column *columns;
	size_t n, size; /* size: of the struct */
};
#define COLUMN(sql_, kind_, struct_, member)                                               \
	{                                                                                  \
		.sql = (sql_), .kind = (kind_), .offset = offsetof(struct struct_, member) \
	}
#define COLUMN_WORD_OF(sql_, parse_, struct_, member)                  \
	{                                                              \
		.sql = (sql_), .kind = COLUMN_WORD, .parse = (parse_), \
		.offset = offsetof(struct struct_, member)             \
	}
#define ROW_TYPE(struct_, columns_)                                                             \
	{                                                                                       \
		.columns = (columns_), .n = ARRAY_LEN(columns_), .size = sizeof(struct struct_) \
	}

/* SELECT <columns of the type> <rest>, where rest begins with FROM. */
int row_select(struct store *s, struct query *q, struct err *e, const struct row_type *t,
	const char *rest, const char *types, ...) CHECK_RESULT;
/* The row that sql_next found. */
int row_read(struct query *q, const struct row_type *t, void *row, struct err *e) CHECK_RESULT;
/* Steps and reads: 1, 0 no (more) row, -1. */
int row_next(struct query *q, const struct row_type *t, void *row, struct err *e) CHECK_RESULT;
/* "a, b, c" */
void row_columns(const struct row_type *t, struct buf *out);
/* Frees what the table says the row owns, and zeroes it. */
void row_release(const struct row_type *t, void *row);

/* Adds one zeroed element to a {v, n} list and gives its address. */
#define LIST_ADD(list)                                                                 \
	__extension__({                                                                \
		(list)->v = xrealloc((list)->v, ((list)->n + 1) * sizeof(*(list)->v)); \
		memset(&(list)->v[(list)->n], 0, sizeof(*(list)->v));                  \
		&(list)->v[(list)->n++];                                               \
	})
/* Reads the rest of the query into a {v, n} list: 0 or -1. */
#define LIST_READ(q, type, list, e)                                       \
	__extension__({                                                   \
		int rc_;                                                  \
		while ((rc_ = sql_next((q), (e))) > 0) {                  \
			rc_ = row_read((q), (type), LIST_ADD(list), (e)); \
			if (rc_ < 0)                                      \
				break;                                    \
		}                                                         \
		rc_;                                                      \
	})
#define LIST_RELEASE(type, list)                             \
	do {                                                 \
		for (size_t i_ = 0; i_ < (list)->n; i_++)    \
			row_release((type), &(list)->v[i_]); \
		free((list)->v);                             \
		(list)->v = NULL;                            \
		(list)->n = 0;                               \
	} while (0)

#endif
