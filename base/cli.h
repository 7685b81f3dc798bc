/*
 * Command lines: a verb table and a flag table, both data. `--flag value` and `--flag=value`;
 * `--help` on every verb, `help VERB…`, `--help=json` for programs (base/cli_describe.h); unknown
 * verbs and flags (with the nearest known one), missing values and surplus arguments are usage
 * errors (exit 2) with one line on stderr. Product on stdout, chatter on stderr.
 */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include "base/err.h"
#include "base/exits.h"

struct cli_verb {
	const char *name;    /* "run"; in a nested table: "register" */
	const char *summary; /* one line */
	const char *usage;   /* after the verb: "[--config FILE] …" */
	const char *help;    /* ten lines at most, NULL: only the summary and the flags */
	int (*run)(int argc, char **argv); /* argv[0] is the verb; returns enum exit_code */
	const struct cli_verb *sub;        /* nested verbs, ended by a NULL name */
	bool hidden;                       /* internal roles */
	bool local; /* needs files or the terminal of this machine: not for a caller elsewhere */
};
/* The verb that these words lead to (NULL: none) and how many of them name it. */
const struct cli_verb *cli_find(
	const struct cli_verb *verbs, int n, char *const *words, int *ret_used);
/* The verb that is being parsed for, as typed: "shithubd admin runner list". */
const char *cli_path(void);
bool cli_is_local(void); /* is it `local`? */
/* Finds and runs the verb of argv[1]; prints help, version and usage errors. */
int cli_main(const char *program, const char *version, const struct cli_verb *verbs, int argc,
	char **argv);

enum cli_kind {
	CLI_STRING,
	CLI_INT,
	CLI_BOOL,
	CLI_STRV,   /* repeatable */
	CLI_CHOICE, /* one of `words`; the target gets its index, so an enum lists the same order */
};
struct cli_flag {
	const char *name; /* without dashes */
	enum cli_kind kind;
	void *target;     /* const char **, int64_t *, bool *, struct strv *, an enum's address */
	const char *meta; /* "FILE"; NULL with CLI_CHOICE: its words, "text|json" */
	const char *help;
	int64_t min, max; /* CLI_INT */
	bool required;
	const char *const *words; /* CLI_CHOICE: ended by NULL */
	/* CLI_CHOICE: words of before that still stand for the word of the same index; NULL: none
	 */
	const char *const *old_words;
	/* Also taken as an argument without its name: `show 7` for `show --id 7`. Arguments go to
	 * these flags in their order in the table; both forms at once must agree. Not for CLI_BOOL
	 * and CLI_STRV. */
	bool positional;
};

/* The form of a verb's result: `struct cli_flag flags[] = { CLI_OUTPUT_FLAG(output), … }`. The old
 * word `text` stands for `table`. */
enum cli_output { OUTPUT_TEXT, OUTPUT_JSON };
extern const char *const cli_output_words[], *const cli_output_old_words[];
#define CLI_OUTPUT_FLAG(output_)                                                          \
	{                                                                                 \
		.name = "output", .kind = CLI_CHOICE, .target = &(output_),               \
		.help = "form of the result (default: table)", .words = cli_output_words, \
		.old_words = cli_output_old_words                                         \
	}
/* When to colour; auto: on a terminal, unless NO_COLOR or TERM=dumb say no. */
enum cli_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
extern const char *const cli_color_words[];
#define CLI_COLOR_FLAG(color_)                                                                     \
	{                                                                                          \
		.name = "color", .kind = CLI_CHOICE, .target = &(color_),                          \
		.help = "colours (default: auto, that is on a terminal)", .words = cli_color_words \
	}

/* Parses flags (two of one name are a BUG); *ret_args gets what is left (pointers into argv);
 * max_args: so many more than the positional flags take. 0 = go on, 1 = --help was printed (return
 * EXIT_OK), -1 = usage error already printed (return EXIT_USAGE). */
int cli_parse(int argc, char **argv, const struct cli_flag *flags, size_t n, const char *help,
	int max_args, char ***ret_args, int *ret_n) CHECK_RESULT;
/* "program: text" on stderr; returns code. */
int cli_fail(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);
extern const char *cli_program; /* set by cli_main */

#endif
