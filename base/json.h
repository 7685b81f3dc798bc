/*
 * JSON in and out. The only file that includes yajl is json.c; dispatch lives in json_decode.c.
 *
 * In: text → a bounded tree (bytes, depth, nodes, strict UTF-8, no embedded NUL, duplicate keys
 * refused, integers converted here, position in errors), then a dispatch table copies the tree into
 * a struct. Unknown keys are skipped or refused (JSON_STRICT).
 * Out: one writer over a struct buf with a sticky error that is checked once.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"

enum json_type {
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	const char *key; /* set for members of an object, else NULL */
	union {
		bool boolean;
		struct {
			double number;
			int64_t integer; /* valid when is_integer */
			bool is_integer; /* written without fraction/exponent and fits */
			const char *raw; /* the number as written */
		};
		struct {
			const char *string; /* NUL-terminated, no NUL inside */
			size_t len;
		};
		struct {
			struct json_value **items; /* array items or object members, in order */
			size_t count;
		};
	};
};

struct json_doc; /* owns every value of one text */

struct json_limits {
	size_t bytes, depth, nodes; /* 0: the defaults of base/limits.h (bytes: LIMIT_API_ANSWER) */
};

/* Error text: `JSON offset 17 (line 2, column 4): duplicate key "id"`. Any type may be on top. */
struct json_doc *json_parse(
	const char *text, size_t n, const struct json_limits *lim, struct err *e) CHECK_RESULT;
const struct json_value *json_root(const struct json_doc *d);
void json_free(struct json_doc *d); /* wipes strings; NULL is fine */
static inline void json_freep(struct json_doc **d)
{
	json_free(*d);
	*d = NULL;
}
#define CLEAN_JSON CLEANUP(json_freep)

/* NULL when v is no object or has no such member. */
const struct json_value *json_get(const struct json_value *v, const char *key);
/* Convenience for members; NULL / fallback when absent or of another type. */
const char *json_get_string(const struct json_value *v, const char *key);
int64_t json_get_int(const struct json_value *v, const char *key, int64_t fallback);
bool json_get_bool(const struct json_value *v, const char *key, bool fallback);
#define json_array_each(item, v)                                            \
	for (size_t item##_i = 0; (v) && item##_i < (v)->count; item##_i++) \
		for (const struct json_value *item = (v)->items[item##_i]; item; item = NULL)
const char *json_type_name(enum json_type t);

/* Salvage from text that json_parse refuses (too large, too deep, duplicate keys, cut): the first
 * string or number at each dotted path ("job.id"; array items do not count as a level, so
 * "steps.id" is the first id in any item). No tree, constant memory, any depth; stops quietly where
 * the text breaks. ret[i] is NULL or an owned string without control characters. */
void json_scan(const char *text, size_t n, const char *const *paths, size_t n_paths, char **ret);

/* Dispatch tables. The target struct starts zeroed; strings are copied (free them yourself). */
enum json_kind {
	JSON_TO_STRING, /* char *; min/max are lengths in bytes, max 0 = LIMIT_NAME */
	JSON_TO_INT,    /* int64_t; min/max as range when max != 0 */
	JSON_TO_BOOL,   /* bool */
	JSON_TO_STRV,   /* struct strv of strings; max = most items, 0 = LIMIT_ENV_COUNT */
	JSON_TO_PAIRS,  /* struct pairs: object of string (numbers and booleans become text) */
	JSON_TO_VALUE,  /* const struct json_value *, borrowed from the document */
	JSON_TO_CUSTOM, /* fn decides */
};
enum json_flags {
	JSON_REQUIRED = 1, /* absent or null is an error */
	JSON_NOT_NULL = 2, /* absent is fine, null is an error; without it null means absent */
};
struct json_field {
	const char *name;
	enum json_kind kind;
	size_t offset;
	unsigned flags;
	int64_t min, max;
	int (*fn)(const struct json_value *v, void *target, struct err *e);
};
enum json_decode_flags { JSON_STRICT = 1 };
/* Errors name the field: `field "capacity": expected a whole number from 1 to 64`. On error the
 * caller still releases *out (members decoded so far are owned by it). */
int json_decode(const struct json_value *v, const struct json_field *fields, size_t n, void *out,
	unsigned flags, struct err *e) CHECK_RESULT;

/* Writer */
enum { JSON_WRITER_DEPTH = 32 };
struct json_writer {
	struct buf *out;
	void *gen; /* yajl's generator */
	bool failed;
	bool pretty;
	bool started;   /* a top-level value was begun */
	unsigned depth; /* open containers, at most JSON_WRITER_DEPTH */
};
void json_writer_init(struct json_writer *w, struct buf *out, bool pretty);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_str(struct json_writer *w, const char *s); /* NULL writes null; invalid UTF-8 fails */
void json_strn(struct json_writer *w, const char *s, size_t n);
void json_int(struct json_writer *w, int64_t v);
void json_double(struct json_writer *w, double v); /* shortest text that reads back the same */
void json_bool(struct json_writer *w, bool v);
void json_null(struct json_writer *w);
void json_copy(struct json_writer *w, const struct json_value *v); /* a parsed value, as is */
/* key + value in one call */
void json_kv_str(struct json_writer *w, const char *key, const char *s);
void json_kv_int(struct json_writer *w, const char *key, int64_t v);
void json_kv_bool(struct json_writer *w, const char *key, bool v);
void json_kv_strv(struct json_writer *w, const char *key, const struct strv *s);
void json_kv_pairs(struct json_writer *w, const char *key, const struct pairs *p);
/* Bytes as a string of base64, written in place: for large ones. */
void json_kv_base64(struct json_writer *w, const char *key, const void *p, size_t n);
/* Frees the generator; -1 if anything failed (bad UTF-8, buffer full, unbalanced). */
int json_writer_finish(struct json_writer *w, struct err *e) CHECK_RESULT;

#endif
