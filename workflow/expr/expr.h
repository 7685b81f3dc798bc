/*
 * The expression language of workflow files (`${{ … }}`, `if`): text → bounded tree → value.
 * docs/EXPRESSIONS.md is its reference.
 *
 *	struct expr_arena *values = expr_arena_new();
 *	struct expr_value root = expr_object(values);
 *	expr_set(values, &root, "shithub", …);    every context an expression may name
 *	expr_root_finish(values, &root);          aliases, taint, what a missing name means
 *	struct expr *x = expr_parse(text, n, &at, &e);
 *	expr_eval(x, &context, work, &value, &at, &e);
 *
 * Every value carries flags: EXPR_TAINTED (an attacker may have written it), EXPR_SECRET. They
 * follow every operator, index, filter and function; whoever turns a value into script text must
 * check them (workflow/expr/render.h does).
 *
 * Values are small and passed by copy; what they point to lives in the arena they were made in, the
 * texts of literals in the struct expr. An evaluation's result may point into the contexts, so the
 * order of release is: result and its arena, then the expr, then the contexts. Arenas wipe what
 * they held. Texts are UTF-8 without NUL, and NUL-terminated.
 *
 * Limits: LIMIT_EXPR_* of base/limits.h. Pure but for the hash_files callback; no I/O, no logging.
 */
#ifndef WORKFLOW_EXPR_EXPR_H
#define WORKFLOW_EXPR_EXPR_H

#include "base/json.h"

enum expr_kind { EXPR_NULL, EXPR_BOOLEAN, EXPR_NUMBER, EXPR_STRING, EXPR_ARRAY, EXPR_OBJECT };
enum expr_flags { EXPR_TAINTED = 1, EXPR_SECRET = 2 };

struct expr_array;
struct expr_object;

struct expr_value {
	enum expr_kind kind;
	unsigned flags; /* of the value itself; members have their own on top */
	union {
		bool boolean;
		double number;
		struct slice text;
		const struct expr_array *array;
		struct expr_object *object;
	};
};

/* ---- values and contexts ---- */

struct expr_arena;

struct expr_arena *expr_arena_new(void) CHECK_RESULT;
void expr_arena_free(struct expr_arena *a); /* NULL is fine */
/* Drops all values, but not the account of steps: one arena serves one whole text. */
void expr_arena_reset(struct expr_arena *a);
static inline void expr_arena_freep(struct expr_arena **a)
{
	expr_arena_free(*a);
	*a = NULL;
}
#define CLEAN_EXPR_ARENA CLEANUP(expr_arena_freep)

struct expr_value expr_null(void);
struct expr_value expr_boolean(bool b);
struct expr_value expr_number(double n);
struct expr_value expr_string(struct expr_arena *a, const char *text, unsigned flags); /* copies */
struct expr_value expr_object(struct expr_arena *a);
/* Adds a member; a name that exists already (exactly) gets the new value. Copies the name. */
void expr_set(
	struct expr_arena *a, struct expr_value *object, const char *name, struct expr_value v);
/* Copies of everything, flags on every level. */
struct expr_value expr_from_json(struct expr_arena *a, const struct json_value *v, unsigned flags);
struct expr_value expr_from_pairs(struct expr_arena *a, const struct pairs *p, unsigned flags);

/* Makes a finished root of an Object whose members are the contexts: `github` and `shithub` name
 * the same object if only one is given; `event` in them is tainted; all of `secrets` is secret, and
 * a secret that is missing is an error; what is missing in `vars` and `env` is an empty text. */
void expr_root_finish(struct expr_arena *a, struct expr_value *root);
/* Of a finished root: this job gets no secrets, so one that is missing is an empty text. */
void expr_secrets_withheld(const struct expr_value *root);

/* As an operator sees it. */
bool expr_truthy(const struct expr_value *v);
/* As a text shows it: "" for null, "Array", "Object", numbers with 15 digits. May be made in a. */
struct slice expr_text(struct expr_arena *a, const struct expr_value *v);
/* Flags of v and of everything in it. */
unsigned expr_all_flags(const struct expr_value *v);
const char *expr_kind_name(enum expr_kind k); /* "Null", "Boolean", … */

/* Whether v has every leaf of `leaves` at its place, each compared as by ==. */
bool expr_has_leaves(const struct expr_value *v, const struct expr_value *leaves);

enum expr_json_form {
	EXPR_JSON_PRETTY, /* toJSON: two blanks, numbers with 15 digits */
	EXPR_JSON_EXACT,  /* one line, numbers read back the same; "NaN", "Infinity" as texts */
};
/* -1 when out is full. */
int expr_write_json(
	struct buf *out, const struct expr_value *v, enum expr_json_form form) CHECK_RESULT;

/* ---- expressions ---- */

enum expr_status {
	EXPR_NO_STATUS, /* success() and its like are errors here */
	EXPR_SUCCESS,
	EXPR_FAILURE,
	EXPR_CANCELLED,
	EXPR_SKIPPED, /* what it needs was skipped: none of the three */
};

/* "success", "failure", "cancelled"; NULL of any other. */
const char *expr_status_word(enum expr_status s);
/* The other way round; EXPR_SKIPPED for any other word. */
enum expr_status expr_status_of(const char *word);

struct expr_context {
	struct expr_value root; /* finished */
	enum expr_status status;
	/* hashFiles(): the hash of the workspace files that match the patterns, as text; nothing
	 * when none does. NULL: using it is an error. */
	int (*hash_files)(void *data, const struct strv *patterns, struct buf *out, struct err *e);
	void *data;
};

struct expr;

/* Errors say what is wrong and what was expected; where stands in *ret_offset (bytes into text),
 * which expr_locate puts in front. Blank text is the value null. */
struct expr *expr_parse(const char *text, size_t n, size_t *ret_offset, struct err *e) CHECK_RESULT;
void expr_free(struct expr *x); /* NULL is fine */
static inline void expr_freep(struct expr **x)
{
	expr_free(*x);
	*x = NULL;
}
#define CLEAN_EXPR CLEANUP(expr_freep)
bool expr_is_blank(const struct expr *x);
bool expr_uses_status(const struct expr *x); /* calls success, failure, cancelled or always */

/* The same for who only wants to know what is named: an unknown function is no error here. Such an
 * expression is for expr_each_use alone, expr_eval takes none. */
struct expr *expr_parse_names(
	const char *text, size_t n, size_t *ret_offset, struct err *e) CHECK_RESULT;

/* One context or function that an expression names. */
enum { EXPR_USE_MEMBERS = 3 };
struct expr_use {
	bool call; /* a function */
	struct slice name;
	size_t offset; /* bytes into the expression */
	/* call */
	bool known, status, files; /* exists; is success() or one of its kind; is hashFiles() */
	/* a context: the members written out behind it, `needs.a.outputs` has two */
	struct slice members[EXPR_USE_MEMBERS];
	size_t member_offsets[EXPR_USE_MEMBERS], n_members;
};
/* In no particular order. */
void expr_each_use(
	const struct expr *x, void (*fn)(void *data, const struct expr_use *u), void *data);
/* Whether two names are one regardless of case, as members are found. */
bool expr_same_name(struct slice a, struct slice b);
void expr_list_functions(struct buf *out); /* "contains, startsWith, …": for messages */

int expr_eval(const struct expr *x, const struct expr_context *c, struct expr_arena *a,
	struct expr_value *ret, size_t *ret_offset, struct err *e) CHECK_RESULT;

/* Characters before offset, plus one. */
size_t expr_column(const char *text, size_t offset);
/* Puts "column 5: " in front, or "line 2, column 5: " when text has several lines. */
void expr_locate(struct err *e, const char *text, size_t n, size_t offset);

#endif
