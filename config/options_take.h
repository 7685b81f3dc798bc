/* What the sources of options share; nobody else includes this. */
#ifndef CONFIG_OPTIONS_TAKE_H
#define CONFIG_OPTIONS_TAKE_H

#include "config/options.h"

/* Where a value comes from: a place in the file or a name. */
struct option_place {
	enum option_origin origin;
	const char *file, *name; /* name: of the variable or flag, as shown */
	unsigned line, column;
};

void option_problem_at(struct options *o, const struct option_place *at, const char *key,
	const char *fmt, ...) PRINTF_LIKE(4, 5);
/* The option whose key is within two edits of a misspelt one, or NULL. section NULL: any. */
const struct option *option_nearest(const struct options *o, const char *section, const char *key);
char *option_full_key(const struct option *opt) CHECK_RESULT; /* "section.key" */

/* The absolute form of a relative path below folder; NULL: the text is absolute already, or no
 * path, or folder is NULL. The caller's. */
char *option_path_absolute(
	const struct option *opt, const char *folder, const char *text) CHECK_RESULT;

/* Checks a text, of a list its items with commas between them, and takes it as the option's value,
 * or adds the problem. */
void option_take(struct options *o, const struct option *opt, const struct option_place *at,
	const char *text);
/* Checks a text and takes it as the option's value, or adds the problem. */
void option_take_text(struct options *o, const struct option *opt, const struct option_place *at,
	const char *given);
/* One item of a list being built; false when it was refused. */
bool option_take_item(struct options *o, const struct option *opt, const struct option_place *at,
	const char *given, struct strv *list);
/* Replaces the value; takes text and list. */
void option_put(struct options *o, const struct option *opt, const struct option_place *at,
	char *text, struct strv list);
void strv_wipe(struct strv *s);

#endif
