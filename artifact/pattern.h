/*
 * The `path` of an upload: one pattern a line, relative to the workspace. `*` and `?` match inside
 * a name, `[a-z]` one character, `**` any number of names, `\x` a literal x; `!` in front takes
 * away what earlier lines gave, later lines win. A pattern that matches a folder means all that is
 * in it. Lines that begin with # and empty ones are left out. A name that begins with a dot is
 * hidden: as in a shell only a pattern with that dot gives it, unless hidden ones are wanted. Pure.
 */
#ifndef ARTIFACT_PATTERN_H
#define ARTIFACT_PATTERN_H

#include "base/err.h"

enum { PATTERN_LINES_MAX = 1000 };

struct pattern {
	bool takes_away;
	struct strv parts; /* names and globs between the slashes; none: the workspace itself */
	size_t literal;    /* leading parts without a glob: where a search has to begin */
};
struct pattern_list {
	struct pattern *v;
	size_t n;
	bool names_hidden; /* a glob with a dot in front: a search has to enter hidden folders */
};
void pattern_list_release(struct pattern_list *l);
/* At least one line must give something. Errors name the line. */
int pattern_list_parse(const char *text, struct pattern_list *ret, struct err *e) CHECK_RESULT;

/* path: clean and relative, "" the workspace. hidden: hidden names are wanted. */
bool pattern_list_takes(const struct pattern_list *l, const char *path, bool hidden);
/* Is path on the way to, or at or below, a place where some pattern begins? */
enum pattern_reach { PATTERN_OUT, PATTERN_ON_THE_WAY, PATTERN_INSIDE };
enum pattern_reach pattern_list_reach(const struct pattern_list *l, const char *path);
/* The deepest path that holds all places where patterns begin; the caller's. May name a file. */
char *pattern_list_root(const struct pattern_list *l) CHECK_RESULT;

#endif
