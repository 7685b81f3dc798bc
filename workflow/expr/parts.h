/* What the files of this room share: tree, arena, coercions. Internal to the expression language.
 */
#ifndef WORKFLOW_EXPR_PARTS_H
#define WORKFLOW_EXPR_PARTS_H

#include "base/limits.h"
#include "workflow/expr/expr.h"

/* ---- arena ---- */

/* Never fails and never shrinks: evaluation asks eval_room before it makes something of a size that
 * an expression decides. */
void *expr_alloc(struct expr_arena *a, size_t n) CHECK_RESULT;
struct slice expr_copy(struct expr_arena *a, const void *p, size_t n); /* NUL-terminated */
bool expr_has_room(const struct expr_arena *a, size_t n);
bool expr_spend(struct expr_arena *a, size_t steps); /* false: the account is empty */

/* ---- values ---- */

/* What reading a member means that is not there. */
enum expr_missing { MISSING_IS_NULL, MISSING_IS_EMPTY, MISSING_IS_ERROR };

struct expr_array {
	struct expr_value *items;
	size_t n;
	bool filtered; /* made by .*: an index applies to each item */
};

struct expr_member {
	struct slice name;
	struct expr_value value;
};

struct expr_object {
	struct expr_member *members;
	size_t n, cap;
	enum expr_missing missing;
};

static inline bool expr_is_scalar(const struct expr_value *v)
{
	return v->kind < EXPR_ARRAY;
}
struct expr_value expr_text_value(struct slice text);
/* The member with this name, else one that differs in case only, else NULL. */
struct expr_member *expr_find(const struct expr_object *o, struct slice name);
double expr_parse_number(struct slice text); /* NaN if it is none */
/* As expr_text shows it; out or a constant. */
enum { EXPR_NUMBER_TEXT = 40 };
const char *expr_number_text(double n, char out[EXPR_NUMBER_TEXT]);
/* As much of it as fits into a message. */
enum { EXPR_QUOTE_MAX = 40 };
struct slice expr_quote(struct slice s);
double expr_to_number(const struct expr_value *v);
bool expr_equal(const struct expr_value *a, const struct expr_value *b);
/* -1, 0, 1; 2: not comparable. */
int expr_compare(const struct expr_value *a, const struct expr_value *b);

/* ---- text without case ---- */

int fold_compare(struct slice a, struct slice b); /* -1, 0, 1 by upper-case characters */
bool fold_contains(struct slice text, struct slice part);
bool fold_starts(struct slice text, struct slice part);
bool fold_ends(struct slice text, struct slice part);

/* ---- tree ---- */

enum expr_operator { OP_NONE, OP_OR, OP_AND, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE };

enum expr_node_kind {
	NODE_LITERAL,
	NODE_NAME,   /* a context */
	NODE_INDEX,  /* a.b, a[b]: two children */
	NODE_FILTER, /* a.*, a[*]: one child */
	NODE_NOT,
	NODE_BINARY, /* == and its like: two children */
	NODE_LOGIC,  /* && and ||: two or more children */
	NODE_CALL,
};

struct expr_function;

struct expr_node {
	enum expr_node_kind kind;
	enum expr_operator op;
	size_t offset;                         /* in the text, for messages */
	unsigned depth;                        /* 1: no children */
	unsigned n;                            /* children */
	struct expr_node *first, *last, *next; /* children, sibling */
	struct expr_value literal;
	struct slice name;
	struct expr_node *next_name; /* list of all NODE_NAME */
	const struct expr_function *function;
};

struct expr {
	struct expr_arena *arena;
	struct expr_node *root;
	struct expr_node *names;
	struct expr_node *unknown; /* the first call of a function that does not exist */
	size_t nodes;
	bool blank, uses_status;
};

/* ---- lexer ---- */

enum expr_token_kind {
	TOKEN_END,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_WORD, /* name, keyword, function, property */
	TOKEN_DOT,
	TOKEN_STAR,
	TOKEN_COMMA,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_INDEX_OPEN,
	TOKEN_INDEX_CLOSE,
	TOKEN_NOT,
	TOKEN_OPERATOR,
};

struct expr_token {
	enum expr_token_kind kind;
	enum expr_operator op;
	size_t offset;
	struct slice text; /* as written */
	double number;
};

/* The token at or behind `at`, which follows one of kind `before` (TOKEN_END: the first one).
 * On error token->offset is set. */
int expr_lex(struct slice text, size_t at, enum expr_token_kind before, struct expr_token *token,
	struct err *e) CHECK_RESULT;

/* ---- evaluation ---- */

struct eval {
	const struct expr_context *context;
	struct expr_arena *arena;
	size_t at; /* where the error is */
	struct err *e;
};

/* Sets the error at node; -1. */
int eval_fail(struct eval *ev, const struct expr_node *node, enum err_class class, const char *fmt,
	...) PRINTF_LIKE(4, 5);
/* Accounts for work: n bytes or members that are read. */
int eval_work(struct eval *ev, const struct expr_node *node, size_t n) CHECK_RESULT;
/* Room for a text or list of n bytes. */
int eval_room(struct eval *ev, const struct expr_node *node, size_t n) CHECK_RESULT;
/* A String of what was collected in b. */
int eval_take(struct eval *ev, const struct expr_node *node, const struct buf *b,
	struct expr_value *ret) CHECK_RESULT;
/* expr_text with its cost. */
int eval_text(struct eval *ev, const struct expr_node *node, const struct expr_value *v,
	struct slice *ret) CHECK_RESULT;
/* a[index] and, with index NULL, a.* */
int expr_eval_index(struct eval *ev, const struct expr_node *node, const struct expr_value *left,
	const struct expr_value *index, struct expr_value *ret) CHECK_RESULT;

/* ---- functions ---- */

enum { EXPR_ARGS_MAX = 255 };

struct expr_function {
	const char *name;
	unsigned min, max; /* arguments */
	bool status, files;
	/* args are evaluated, their flags are put on the result by the caller. NULL: case(), which
	 * decides itself what it evaluates. */
	int (*fn)(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
		struct expr_value *ret);
};

const struct expr_function *expr_function_find(struct slice name);
int expr_format(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
	struct expr_value *ret) CHECK_RESULT;

#endif
