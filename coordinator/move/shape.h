/*
 * The tables of the store as the schema of SQLite has them, which PostgreSQL's equals
 * (tests/lint/schemas.py). Nothing here names a table, so a new one is copied as soon as it is
 * there.
 */
#ifndef COORDINATOR_MOVE_SHAPE_H
#define COORDINATOR_MOVE_SHAPE_H

#include "coordinator/sql/sql.h"
#include "coordinator/sql/value.h"

enum { SHAPE_KEY_MAX = 4 };

struct shape_column {
	char *name;
	enum value_kind kind; /* VALUE_INT, VALUE_TEXT or VALUE_BYTES */
};
struct shape_table {
	char *name;
	struct shape_column *columns;
	size_t n;                         /* at most SQL_VALUES_MAX */
	size_t key[SHAPE_KEY_MAX], n_key; /* columns of the primary key, in its order */
	bool counted;       /* the database numbers its rows and never gives a number again */
	struct strv refers; /* tables that it refers to */
	bool placed;
	/* Of statements, made when needed (text.h): [1] for PostgreSQL. */
	struct shape_texts {
		char *types, *key_types; /* for sql.h */
		char *first, *next, *put;
	} texts[2];
};
/* Tables stand behind those that they refer to. */
struct shape {
	struct shape_table *v;
	size_t n;
	struct strv asked; /* texts that the store's cache of statements knows */
};

/* s: a file with this program's schema. The shape goes after both stores, whose statements have its
 * texts. */
int shape_read(struct store *s, struct shape *ret, struct err *e) CHECK_RESULT;
void shape_release(struct shape *h);

#endif
