/*
 * Option tables: every key of a configuration stands once in a table of struct option with its
 * type, range, default, flag and help; this module fills a struct from it.
 *
 * Call order: options_init, then the sources from the weakest to the strongest (options_defaults,
 * options_file, options_environment, options_flags), then options_apply once. Each source checks
 * what it brings, also what a stronger one replaces; problems are collected, not returned one by
 * one, so that an operator sees all of them at once. Every value remembers where it came from. Owns
 * the texts; borrows the table, which is static. No I/O. Values of sensitive options never reach a
 * problem or a display.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/cli.h"
#include "base/err.h"
#include "config/toml.h"

enum option_type {
	OPTION_STRING,   /* char * */
	OPTION_INT,      /* int64_t in [min, max] */
	OPTION_SIZE,     /* uint64_t bytes in [min, max], "2g" or a number of bytes */
	OPTION_DURATION, /* int64_t microseconds in [min, max], "5s" */
	OPTION_BOOL,     /* bool, true or false */
	OPTION_CHOICE,   /* an enum: index in choices */
	OPTION_LIST,     /* struct strv without duplicates, at most max items */
	OPTION_CUSTOM,   /* set decides; text or number in the file */
};

/* Is the value a path? A relative one is made absolute then: of the command line from the working
 * folder, of the file from the file's own. In the environment it stays as it is. */
enum option_path {
	OPTION_NO_PATH,
	OPTION_PATH,
	OPTION_PATH_OR_NAME, /* only with a leading "./" or "../" */
};

struct option {
	const char *section, *key;
	enum option_type type;
	size_t offset;
	const char *fallback; /* default as text; NULL: unset, and an empty text unsets */
	int64_t min, max;
	const char *const *choices; /* ended by NULL */
	const char *flag;           /* without dashes; NULL: none */
	const char *flag_alias;     /* another name of the flag; NULL: none */
	const char *meta, *help;
	enum option_path path;
	bool sensitive;
	/* STRING and items of LIST: may rewrite *text. NULL when fine, else what was wrong and
	 * "expected …" (a constant, or it stays until the next text is checked). */
	const char *(*check)(char **text);
	/* CUSTOM: stores into config unless that is NULL; result as above. */
	const char *(*set)(void *config, const char *text);
};

enum option_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENV, ORIGIN_FLAG };

struct option_value {
	enum option_origin origin;
	char *source;     /* "path:line", "SHITHUB_RUNNER_TOKEN", "--token"; NULL for defaults */
	char *text;       /* NULL: unset (or a list) */
	struct strv list; /* OPTION_LIST */
};

struct option_problem {
	char *file; /* NULL: not from the file */
	unsigned line, column;
	char *source; /* "environment NAME" or "--flag" when file is NULL */
	char *key;    /* "runner.capacity"; NULL: about the file or name as a whole */
	char *message;
};

/* Another name of a key: [section] key in the file and SECTION__KEY in the environment; with
 * section NULL the key alone, in the environment. Ended by a NULL key. */
struct option_alias {
	const char *section, *key;
	const char *to_section, *to_key;
};

struct options {
	const struct option *table;
	const struct option_alias *aliases; /* NULL: none; set after options_init */
	size_t count;
	struct option_value *values; /* one for each of table */
	struct option_problem *problems;
	size_t n_problems;
	struct strv warnings;
	char *folder; /* of the file that is being read; NULL: none, or unknown */
};

enum { OPTION_PROBLEMS_MAX = 100 };

void options_init(struct options *o, const struct option *table, size_t count);
void options_release(struct options *o); /* wipes */
#define CLEAN_OPTIONS CLEANUP(options_release)

void options_defaults(struct options *o);
void options_file(struct options *o, const char *path, const char *text, size_t n);
struct option_names {
	const char *prefix;       /* "SHITHUB_RUNNER_" */
	const char *home;         /* section whose keys need no SECTION__ */
	const char *const *other; /* further names behind the prefix that are fine, ended by NULL */
};
void options_environment(struct options *o, const struct option_names *names, char *const *environ);
/* A variable's value, NULL without one. */
const char *environment_get(char *const *environ, const char *name);
/* What the flags were given: one text for each of table, NULL where it was not. */
struct option_texts {
	const char *const *texts;
	const char *const *others; /* of flag_alias; NULL: the table has none */
	const char *cwd;           /* where relative paths begin; NULL: they are refused */
};
void options_flags(struct options *o, const struct option_texts *given);
/* Stores every value into the zeroed struct; -1 if there is any problem (nothing is stored). */
int options_apply(const struct options *o, void *config) CHECK_RESULT;

/* Index of the option, or -1. */
int options_find(const struct options *o, const char *section, const char *key);
/* The value of one that is in the table. */
struct option_value *options_value(struct options *o, const char *section, const char *key);
/* For checks over several options; all strings may be NULL where struct option_problem says so. */
void options_problem(struct options *o, const char *key, const char *source, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Drops the problems of these keys, ended by NULL. */
void options_forget(struct options *o, const char *const *keys);
/* `file:line:column: key: message`; the caller frees it. */
char *option_problem_line(const struct option_problem *p) CHECK_RESULT;
const char *option_origin_name(enum option_origin origin); /* default file env flag */

/* Flags of the table for base/cli.h: fills flags[] (room for count, and for each other name) and
 * returns how many. The text of option i goes to texts[i], with the other name to others[i] (NULL:
 * without other names). Help texts are added to *own, which must live as long. */
size_t options_cli_flags(const struct option *table, size_t count, const char **texts,
	const char **others, struct strv *own, struct cli_flag *flags);

/* option_value.c: one value. NULL when fine, else a text the caller frees: "…expected …". */
char *option_check_text(const struct option *opt, char **text) CHECK_RESULT;
void option_store(const struct option *opt, const struct option_value *v, void *config);
char *option_expectation(const struct option *opt) CHECK_RESULT; /* "a whole number from 1 to 64" */

#endif
