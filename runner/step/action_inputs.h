/*
 * The `with` of an action against the table of what the action knows. Values come as the workflow's
 * author wrote them: names in any case, blanks around, booleans as YAML spells them, empty for "the
 * default". What would have to be ignored although it means something is an error. Pure.
 */
#ifndef RUNNER_STEP_ACTION_INPUTS_H
#define RUNNER_STEP_ACTION_INPUTS_H

#include "base/err.h"

enum input_kind {
	INPUT_TEXT,       /* char *, to be freed */
	INPUT_BOOL,       /* bool */
	INPUT_NUMBER,     /* int64_t in [min, max] */
	INPUT_IDLE,       /* any text: it means nothing here */
	INPUT_IDLE_BOOL,  /* the same, but it must be a boolean */
	INPUT_FALSE_ONLY, /* a boolean; why says what is wrong with true */
	INPUT_NOT_HERE,   /* why says what is wrong with any value */
};

struct action_input {
	const char *name;
	enum input_kind kind;
	size_t offset; /* in the struct that action_inputs_read fills */
	int64_t min, max;
	const char *why;
};

/* Errors name action and input and list what is supported. out holds the defaults before; on error
 * the caller still releases it. */
int action_inputs_read(const char *action, const struct action_input *table, size_t n,
	const struct pairs *with, void *out, struct err *e) CHECK_RESULT;

/* Empties every input that only repeats what the job has anyway (its token, its run), so that the
 * action takes its default. own: name → value; names in any case. */
void action_inputs_drop_own(struct pairs *with, const struct pairs *own);

/* true/false, yes/no, on/off in any case; -1: none of them. */
int yaml_boolean(const char *text);

#endif
