/*
 * Texts of workflow files with `${{ … }}` in them → what they say at run time.
 *
 * A script (`run`) gets plain values as text. A tainted or secret one never becomes script text:
 * the script gets ${SHITHUB_INPUT_<n>}, and the value travels as that environment variable, where
 * no shell reads it as code; in single quotes that are data it is '"${SHITHUB_INPUT_<n>}"', and
 * where the shell would read no variable (workflow/expr/quoting.h) an error. Every other field
 * (env, with, names, working-directory) becomes plain text; the flags say what is in it, and
 * whoever makes the `env` context has to hand them on (expr_set with expr_string(…, flags)), or
 * taint gets lost on that detour.
 *
 * An expression ends at the first }} outside of its quoted texts. Values are pasted once; a `${{`
 * in a value stays what it is. Errors name line and column in the text. Pure.
 */
#ifndef WORKFLOW_EXPR_RENDER_H
#define WORKFLOW_EXPR_RENDER_H

#include "workflow/expr/expr.h"

/* The variables of one step; one object for all of its scripts. */
struct render_inputs {
	struct pairs env;  /* SHITHUB_INPUT_0 …: goes into the step's environment */
	struct pairs seen; /* expression as written → variable */
	size_t bytes;
	const char *shell; /* one that reads no ${NAME}: a value that needs one is an error */
};
void render_inputs_release(struct render_inputs *in); /* wipes the values */
#define CLEAN_RENDER_INPUTS CLEANUP(render_inputs_release)

/* Appends to out; out->max is a limit error. The same expression gets the same variable again. */
int render_script(const char *text, size_t n, const struct expr_context *c,
	struct render_inputs *in, struct buf *out, struct err *e) CHECK_RESULT;

/* Appends to out. *ret_flags: enum expr_flags of everything that was pasted. */
int render_text(const char *text, size_t n, const struct expr_context *c, struct buf *out,
	unsigned *ret_flags, struct err *e) CHECK_RESULT;

/* The value of a field that is one expression and nothing else (`${{ fromJSON(…) }}`), else the
 * text as String. The value lives in a (and in the contexts). */
int render_value(const char *text, size_t n, const struct expr_context *c, struct expr_arena *a,
	struct expr_value *ret, struct err *e) CHECK_RESULT;

/* The value of a typed field: true or false; a whole number from 1 to max. */
int render_bool(
	const char *text, const struct expr_context *c, bool *ret, struct err *e) CHECK_RESULT;
int render_number(const char *text, const struct expr_context *c, int64_t max, int64_t *ret,
	struct err *e) CHECK_RESULT;

/* `if`: one expression, with or without ${{ }}; blank or absent (NULL) means success(). Unless it
 * calls a status function, success() is a condition as well. Text around ${{ }} is an error, since
 * such a condition would always be true. */
int render_condition(
	const char *text, const struct expr_context *c, bool *ret, struct err *e) CHECK_RESULT;

/* Whether it calls a status function, so that it is to be asked whatever happened before. False for
 * one that is wrong: it fails where it is evaluated. */
bool render_condition_asks_status(const char *text);

/* What a text may be, for render_check. */
enum render_form {
	RENDER_TEXT,      /* any text with expressions in it */
	RENDER_VALUE,     /* one expression and nothing else */
	RENDER_CONDITION, /* one expression, with or without ${{ }} */
};
struct render_check {
	/* Each context and function, and each error; place: bytes into the text. */
	void (*use)(void *data, const struct expr_use *u, size_t place);
	void (*wrong)(void *data, const char *message, size_t place);
	void *data;
};
/* Reads all expressions of a text without evaluating one. */
void render_check(
	const char *text, size_t n, enum render_form form, const struct render_check *check);

/* Whether an expression of the text names this context. NULL text: none does. */
bool render_names_context(const char *text, const char *context);

/* Whether there is a ${{ in it. */
bool render_has_expression(const char *text, size_t n);

#endif
