/*
 * Where the expressions of a text are: plain bytes, `${{ … }}`, plain bytes, … An expression ends
 * at the first }} outside of its quoted texts. Pure; nothing is parsed inside of them. Internal to
 * rendering and checking.
 */
#ifndef WORKFLOW_EXPR_PIECE_H
#define WORKFLOW_EXPR_PIECE_H

#include "base/err.h"

#define PIECE_OPEN "${{"

struct piece {
	struct slice plain;
	bool has_expression; /* behind plain */
	struct slice inner;  /* between ${{ and }} */
	size_t end;          /* behind the piece */
};

struct slice piece_trim(struct slice s);
/* The piece at byte `at`; -1 when its expression does not end, *ret_place is where it begins. */
int piece_next(struct slice text, size_t at, struct piece *ret, size_t *ret_place,
	struct err *e) CHECK_RESULT;
/* Whether the text is one expression and nothing else but blanks. */
bool piece_only(struct slice text, struct slice *ret_inner);
/* The expression of a condition: the text, or what is between ${{ and }} when that is all. */
int piece_condition(
	struct slice text, struct slice *ret, size_t *ret_place, struct err *e) CHECK_RESULT;

#endif
