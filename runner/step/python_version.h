/*
 * Versions of Python: what an author asks for, what an image has, and which of it is meant. Pure.
 *
 * A wish is alternatives joined by `||`, each a list of conditions: 3, 3.x, 3.11, 3.11.2, and with
 * an operator >= > <= < == != ~ ~= ^ (`>=3.9 <3.13`, `~=3.11`), blanks or commas between. Parts
 * that are left out match anything: >3.9 begins with 3.10.
 */
#ifndef RUNNER_STEP_PYTHON_VERSION_H
#define RUNNER_STEP_PYTHON_VERSION_H

#include "base/err.h"

enum { PYTHON_CONDITIONS = 16, PYTHONS_MAX = 64 };

enum python_op {
	PYTHON_EQUAL,
	PYTHON_NOT_EQUAL,
	PYTHON_AT_LEAST,
	PYTHON_ABOVE,
	PYTHON_MAX,
	PYTHON_BELOW,
	PYTHON_TILDE,      /* ~3.11.2: at least that, below 3.12 */
	PYTHON_COMPATIBLE, /* ~=3.11: at least that, below 4 */
	PYTHON_CARET,      /* ^3.11: at least that, below 4 */
};

struct python_condition {
	enum python_op op;
	int64_t part[3];
	size_t n;   /* parts given */
	bool first; /* begins an alternative */
};
struct python_wish {
	struct python_condition v[PYTHON_CONDITIONS];
	size_t n; /* 0: any */
};
int python_wish_parse(const char *text, struct python_wish *ret, struct err *e) CHECK_RESULT;
bool python_wish_meets(const struct python_wish *w, const int64_t version[3]);

/* The wish that a file of that name holds: pyproject.toml, Pipfile, .tool-versions, else a line of
 * its own. The caller's string; NULL with ERR_INPUT. */
char *python_wish_of_file(const char *name, const char *text, size_t n, struct err *e) CHECK_RESULT;

/* An interpreter as it introduced itself. */
struct python {
	int64_t version[3];
	bool final, pip;
	char *machine, *prefix, *path; /* as the image's own platform says; absolute paths */
};
struct python_list {
	struct python v[PYTHONS_MAX];
	size_t n;
};
/* Lines `python TAB 3.11.2 TAB final TAB pip|- TAB x86_64 TAB PREFIX TAB PATH`; others, malformed
 * and repeated ones are passed over: an interpreter may greet in its own way. */
void python_list_parse(const char *text, size_t n, struct python_list *ret);
void python_list_release(struct python_list *l);
/* The newest that is meant; of equals the first. architecture NULL: any, else x64, x86, arm64 … */
const struct python *python_choose(const struct python_list *l, const struct python_wish *w,
	bool prereleases, const char *architecture);  /* NULL: none */
const char *python_architecture(const char *machine); /* x86_64 → x64 */

#endif
