/*
 * Tokens → tree, by precedence: what binds looser calls what binds tighter.
 *
 *	||  <  &&  <  == !=  <  < <= > >=  <  !  <  . [ ]
 *
 * A chain of && or of || is one node with many children, so that its length costs no depth.
 * The depth of groups is counted on the way down (the parser's own stack), the depth of the tree
 * when a node is made (the evaluator's stack).
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "workflow/expr/parts.h"

struct parser {
	struct slice text;
	struct expr *x;
	struct expr_token token; /* read, not yet taken */
	unsigned depth;          /* open groups, indexes, calls and negations */
	size_t *ret_offset;
	struct err *e;
};

static struct expr_node *parse_level(struct parser *p, unsigned level);

/* ---- errors ---- */

PRINTF_LIKE(4, 5)
static void *parse_fail(struct parser *p, enum err_class class, size_t offset, const char *fmt, ...)
{
	CLEAN_STR char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	err_set(p->e, class, "%s", text ? text : fmt);
	*p->ret_offset = offset;
	return NULL;
}

static void *unexpected(struct parser *p, const char *expected)
{
	struct slice s = expr_quote(p->token.text);

	if (p->token.kind == TOKEN_END)
		return parse_fail(
			p, ERR_INPUT, p->token.offset, "unexpected end, expected %s", expected);
	return parse_fail(p, ERR_INPUT, p->token.offset, "unexpected `%.*s`, expected %s",
		(int)s.len, s.ptr, expected);
}

/* ---- tokens and nodes ---- */

static int advance(struct parser *p)
{
	struct expr_token next;
	size_t behind = p->token.offset + p->token.text.len;

	if (expr_lex(p->text, behind, p->token.kind, &next, p->e) < 0) {
		*p->ret_offset = next.offset;
		return -1;
	}
	p->token = next;
	return 0;
}

static int expect_token(struct parser *p, enum expr_token_kind kind, const char *expected)
{
	if (p->token.kind != kind) {
		unexpected(p, expected);
		return -1;
	}
	return advance(p);
}

static int descend(struct parser *p)
{
	if (++p->depth <= LIMIT_EXPR_DEPTH)
		return 0;
	parse_fail(p, ERR_LIMIT, p->token.offset, "nested too deeply, expected at most %d levels",
		LIMIT_EXPR_DEPTH);
	return -1;
}

static struct expr_node *new_node(struct parser *p, enum expr_node_kind kind, size_t offset)
{
	struct expr_node *n;

	if (++p->x->nodes > LIMIT_EXPR_NODES)
		return parse_fail(p, ERR_LIMIT, offset, "too long, expected at most %d parts",
			LIMIT_EXPR_NODES);
	n = expr_alloc(p->x->arena, sizeof(*n));
	*n = (struct expr_node){ .kind = kind, .offset = offset, .depth = 1 };
	return n;
}

/* Appends a child; NULL parent or child: something failed before. */
static struct expr_node *adopt(struct parser *p, struct expr_node *parent, struct expr_node *child)
{
	if (!parent || !child)
		return NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
	if (parent->depth <= child->depth)
		parent->depth = child->depth + 1;
	if (parent->depth > LIMIT_EXPR_DEPTH)
		return parse_fail(p, ERR_LIMIT, parent->offset,
			"nested too deeply, expected at most %d levels", LIMIT_EXPR_DEPTH);
	return parent;
}

static struct expr_node *literal(struct parser *p, struct expr_value v)
{
	struct expr_node *n = new_node(p, NODE_LITERAL, p->token.offset);

	if (n)
		n->literal = v;
	return n;
}

/* ---- operands ---- */

static struct expr_node *parse_string(struct parser *p)
{
	struct slice s = { p->token.text.ptr + 1, p->token.text.len - 2 };
	char *copy = expr_alloc(p->x->arena, s.len + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		copy[n++] = s.ptr[i];
		if (s.ptr[i] == '\'') /* the first of two */
			i++;
	}
	copy[n] = '\0';
	return literal(p, expr_text_value((struct slice){ copy, n }));
}

static bool find_constant(struct slice word, struct expr_value *ret)
{
	const struct {
		const char *word;
		struct expr_value value;
	} constants[] = {
		{ "null", expr_null() },
		{ "true", expr_boolean(true) },
		{ "false", expr_boolean(false) },
		{ "NaN", expr_number(NAN) },
		{ "Infinity", expr_number(INFINITY) },
	};

	for (size_t i = 0; i < ARRAY_LEN(constants); i++) {
		if (slice_eq(word, constants[i].word)) {
			*ret = constants[i].value;
			return true;
		}
	}
	return false;
}

static struct expr_node *check_arguments(struct parser *p, struct expr_node *call)
{
	const struct expr_function *f = call->function;

	if (call->n >= f->min && call->n <= f->max && (f->fn || call->n % 2 == 1))
		return call;
	if (call->n >= f->min && call->n <= f->max)
		return parse_fail(p, ERR_INPUT, call->offset,
			"%s: %u arguments, expected an odd number: conditions with a value each, "
			"then what applies otherwise",
			f->name, call->n);
	if (f->min == f->max)
		return parse_fail(p, ERR_INPUT, call->offset, "%s: %u argument%s, expected %u",
			f->name, call->n, call->n == 1 ? "" : "s", f->min);
	return parse_fail(p, ERR_INPUT, call->offset, "%s: %u argument%s, expected %u to %u",
		f->name, call->n, call->n == 1 ? "" : "s", f->min, f->max);
}

/* Behind the name: ( a, b ) */
static struct expr_node *parse_call(struct parser *p, const struct expr_token *name)
{
	const struct expr_function *f = expr_function_find(name->text);
	struct expr_node *call = new_node(p, NODE_CALL, name->offset);

	if (!call || descend(p) < 0 || expect_token(p, TOKEN_OPEN, "(") < 0)
		return NULL;
	call->function = f;
	call->name = expr_copy(p->x->arena, name->text.ptr, name->text.len);
	if (!f && !p->x->unknown)
		p->x->unknown = call;
	while (call && p->token.kind != TOKEN_CLOSE) {
		if (call->n && expect_token(p, TOKEN_COMMA, "`,` or `)`") < 0)
			return NULL;
		call = adopt(p, call, parse_level(p, 0));
	}
	if (!call || advance(p) < 0)
		return NULL;
	p->depth--;
	p->x->uses_status |= f && f->status;
	return f ? check_arguments(p, call) : call;
}

static struct expr_node *parse_word(struct parser *p)
{
	struct expr_token word = p->token;
	struct expr_value constant;
	struct expr_node *n;

	if (advance(p) < 0)
		return NULL;
	if (p->token.kind == TOKEN_OPEN)
		return parse_call(p, &word);
	n = new_node(p, NODE_NAME, word.offset);
	if (!n)
		return NULL;
	if (find_constant(word.text, &constant)) {
		n->kind = NODE_LITERAL;
		n->literal = constant;
		return n;
	}
	n->name = expr_copy(p->x->arena, word.text.ptr, word.text.len);
	n->next_name = p->x->names;
	p->x->names = n;
	return n;
}

static struct expr_node *parse_group(struct parser *p)
{
	struct expr_node *n;

	if (descend(p) < 0 || advance(p) < 0)
		return NULL;
	n = parse_level(p, 0);
	if (!n || expect_token(p, TOKEN_CLOSE, "an operator or `)`") < 0)
		return NULL;
	p->depth--;
	return n;
}

static struct expr_node *parse_operand(struct parser *p)
{
	struct expr_node *n;

	switch (p->token.kind) {
	case TOKEN_WORD:
		return parse_word(p);
	case TOKEN_OPEN:
		return parse_group(p);
	case TOKEN_NUMBER:
		n = literal(p, expr_number(p->token.number));
		break;
	case TOKEN_STRING:
		n = parse_string(p);
		break;
	default:
		return unexpected(p, "a value");
	}
	return n && advance(p) == 0 ? n : NULL;
}

/* ---- . and [ ] ---- */

/* Behind the point. */
static struct expr_node *parse_property(struct parser *p, struct expr_node *left)
{
	struct expr_node *n, *name;

	if (p->token.kind == TOKEN_STAR) {
		n = adopt(p, new_node(p, NODE_FILTER, p->token.offset), left);
	} else if (p->token.kind == TOKEN_WORD) {
		name = literal(p, expr_text_value(expr_copy(
					  p->x->arena, p->token.text.ptr, p->token.text.len)));
		n = adopt(p, adopt(p, new_node(p, NODE_INDEX, p->token.offset), left), name);
	} else {
		return unexpected(p, "a property name or *");
	}
	return n && advance(p) == 0 ? n : NULL;
}

/* Behind the bracket. */
static struct expr_node *parse_index(struct parser *p, struct expr_node *left)
{
	struct expr_node *n;
	size_t offset = p->token.offset;

	if (descend(p) < 0)
		return NULL;
	if (p->token.kind == TOKEN_STAR) {
		n = adopt(p, new_node(p, NODE_FILTER, offset), left);
		if (n && advance(p) < 0)
			return NULL;
	} else {
		n = adopt(p, new_node(p, NODE_INDEX, offset), left);
		n = n ? adopt(p, n, parse_level(p, 0)) : NULL;
	}
	if (!n || expect_token(p, TOKEN_INDEX_CLOSE, "an operator or `]`") < 0)
		return NULL;
	p->depth--;
	return n;
}

static struct expr_node *parse_postfix(struct parser *p)
{
	struct expr_node *n = parse_operand(p);

	while (n && (p->token.kind == TOKEN_DOT || p->token.kind == TOKEN_INDEX_OPEN)) {
		bool dot = p->token.kind == TOKEN_DOT;

		if (n->kind == NODE_LITERAL)
			return unexpected(p, "an operator, a constant has no properties");
		if (advance(p) < 0)
			return NULL;
		n = dot ? parse_property(p, n) : parse_index(p, n);
	}
	return n;
}

/* ---- operators ---- */

static struct expr_node *parse_not(struct parser *p)
{
	struct expr_node *n;

	if (p->token.kind != TOKEN_NOT)
		return parse_postfix(p);
	n = new_node(p, NODE_NOT, p->token.offset);
	if (!n || descend(p) < 0 || advance(p) < 0)
		return NULL;
	n = adopt(p, n, parse_not(p));
	p->depth--;
	return n;
}

enum { LEVEL_OR, LEVEL_AND, LEVEL_EQUAL, LEVEL_ORDER, LEVEL_NOT };

static unsigned level_of(enum expr_operator op)
{
	static const unsigned char levels[] = {
		[OP_NONE] = LEVEL_NOT,
		[OP_OR] = LEVEL_OR,
		[OP_AND] = LEVEL_AND,
		[OP_EQ] = LEVEL_EQUAL,
		[OP_NE] = LEVEL_EQUAL,
		[OP_LT] = LEVEL_ORDER,
		[OP_LE] = LEVEL_ORDER,
		[OP_GT] = LEVEL_ORDER,
		[OP_GE] = LEVEL_ORDER,
	};

	return levels[op];
}

/* left op right; a chain of one logic operator goes on in the node it began with. */
static struct expr_node *join_operands(
	struct parser *p, struct expr_node *left, bool goes_on, const struct expr_token *op)
{
	bool logic = level_of(op->op) <= LEVEL_AND;
	struct expr_node *n = left;

	if (!goes_on) {
		n = adopt(p, new_node(p, logic ? NODE_LOGIC : NODE_BINARY, op->offset), left);
		if (!n)
			return NULL;
		n->op = op->op;
	}
	return adopt(p, n, parse_level(p, level_of(op->op) + 1));
}

static struct expr_node *parse_level(struct parser *p, unsigned level)
{
	struct expr_node *n = level == LEVEL_NOT ? parse_not(p) : parse_level(p, level + 1);
	bool goes_on = false;

	while (n && p->token.kind == TOKEN_OPERATOR && level_of(p->token.op) == level) {
		struct expr_token op = p->token;

		if (advance(p) < 0)
			return NULL;
		n = join_operands(p, n, goes_on, &op);
		goes_on = level <= LEVEL_AND;
	}
	return n;
}

/* ---- the whole ---- */

static int check_text(struct parser *p)
{
	if (p->text.len > LIMIT_EXPR_TEXT) {
		parse_fail(p, ERR_LIMIT, 0, "%zu bytes long, expected at most %zu", p->text.len,
			LIMIT_EXPR_TEXT);
		return -1;
	}
	if (memchr(p->text.ptr, '\0', p->text.len) || !utf8_valid(p->text.ptr, p->text.len)) {
		parse_fail(p, ERR_INPUT, 0, "not a text, expected UTF-8 without NUL");
		return -1;
	}
	return advance(p);
}

static struct expr_node *parse_all(struct parser *p)
{
	struct expr_node *n;

	if (check_text(p) < 0)
		return NULL;
	p->x->blank = p->token.kind == TOKEN_END;
	if (p->x->blank)
		return literal(p, expr_null());
	n = parse_level(p, 0);
	if (n && p->token.kind != TOKEN_END)
		return unexpected(p, "an operator or the end");
	return n;
}

/* Told at the end, so that expr_parse_names reads on behind it. */
static void *unknown_function(struct parser *p, const struct expr_node *call)
{
	CLEAN_BUF struct buf known = BUF_INIT(KIB(1));
	struct slice s = expr_quote(call->name);

	expr_list_functions(&known);
	return parse_fail(p, ERR_INPUT, call->offset, "unknown function `%.*s`, expected %s",
		(int)s.len, s.ptr, buf_cstr(&known));
}

struct expr *expr_parse_names(const char *text, size_t n, size_t *ret_offset, struct err *e)
{
	CLEAN_EXPR struct expr *x = xcalloc(1, sizeof(*x));
	struct parser p = {
		.text = { n ? text : "", n }, .x = x, .ret_offset = ret_offset, .e = e
	};

	p.token.text = (struct slice){ text, 0 };
	x->arena = expr_arena_new();
	x->root = parse_all(&p);
	return x->root ? TAKE(x) : NULL;
}

struct expr *expr_parse(const char *text, size_t n, size_t *ret_offset, struct err *e)
{
	CLEAN_EXPR struct expr *x = expr_parse_names(text, n, ret_offset, e);
	struct parser p = { .ret_offset = ret_offset, .e = e };

	if (x && x->unknown)
		return unknown_function(&p, x->unknown);
	return TAKE(x);
}

void expr_free(struct expr *x)
{
	if (x)
		expr_arena_free(x->arena);
	free(x);
}

bool expr_is_blank(const struct expr *x)
{
	return x->blank;
}

bool expr_uses_status(const struct expr *x)
{
	return x->uses_status;
}

size_t expr_column(const char *text, size_t offset)
{
	size_t column = 1;

	for (size_t i = 0; i < offset; i++)
		column += ((unsigned char)text[i] & 0xc0) != 0x80;
	return column;
}

void expr_locate(struct err *e, const char *text, size_t n, size_t offset)
{
	size_t line = 1, start = 0;

	for (size_t i = 0; i < offset && i < n; i++) {
		if (text[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	if (memchr(text, '\n', n))
		err_wrap(
			e, "line %zu, column %zu", line, expr_column(text + start, offset - start));
	else
		err_wrap(e, "column %zu", expr_column(text, offset));
}
