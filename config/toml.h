/*
 * TOML 1.0 text → a bounded tree in which every key and value knows its line and column.
 *
 * Pure: bytes in, tree or position and reason out; no I/O, no logging, any process. Limits: the
 * text LIMIT_CONFIG_FILE bytes, TOML_DEPTH parts of a key and levels of nested values, TOML_NODES
 * values. Strict: invalid UTF-8, bare carriage returns, control characters, leading zeros,
 * duplicate keys and every redefinition that TOML 1.0 forbids are errors. Columns count characters
 * from 1. Line ends inside multi-line strings become \n. Dates and times are checked and kept as
 * text.
 */
#ifndef CONFIG_TOML_H
#define CONFIG_TOML_H

#include "base/err.h"

enum { TOML_DEPTH = 32, TOML_NODES = 10000, TOML_REASON_MAX = 320 };

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_DATETIME, /* any of the four forms */
	TOML_ARRAY,
	TOML_TABLE,
};

struct toml_value {
	enum toml_type type;
	unsigned line, column; /* where the value begins; a table: its header or first key */
	const char *key;       /* members of a table, NUL-terminated; else NULL */
	size_t key_len;
	unsigned key_line, key_column;
	union {
		struct {
			const char *string; /* STRING, DATETIME: NUL-terminated, may hold NULs */
			size_t len;
		};
		struct {
			const char
				*raw; /* INTEGER, FLOAT: digits as written, without underscores */
			union {
				int64_t integer;
				double number;
			};
		};
		bool boolean;
		struct {
			struct toml_value **items; /* ARRAY, TABLE: in the order of the text */
			size_t count, cap;
		};
	};
	unsigned char origin; /* the parser's: which later definitions are allowed */
	unsigned section;
};

struct toml_error {
	unsigned line, column;
	char reason[TOML_REASON_MAX]; /* "…, expected …" */
};

struct toml_doc;

/* NULL with *ret_error set when the text is refused. */
struct toml_doc *toml_parse(const char *text, size_t n, struct toml_error *ret_error) CHECK_RESULT;
const struct toml_value *toml_root(const struct toml_doc *d); /* always a table */
void toml_free(struct toml_doc *d);                           /* wipes; NULL is fine */
static inline void toml_freep(struct toml_doc **d)
{
	toml_free(*d);
	*d = NULL;
}
#define CLEAN_TOML CLEANUP(toml_freep)

/* NULL when table is no table or has no such key. */
const struct toml_value *toml_get(const struct toml_value *table, const char *key);
const char *toml_type_name(enum toml_type t); /* "a string", "an integer", … */

#endif
