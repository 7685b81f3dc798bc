/*
 * Command lines: a verb table and a flag table, both data. `--flag value` and `--flag=value`;
 * `--help` on every verb; unknown flags, missing values and surplus arguments are usage errors
 * (exit 2) with one line on stderr. Product on stdout, chatter on stderr.
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
};
/* Finds and runs the verb of argv[1]; prints help, version and usage errors. */
int cli_main(const char *program, const char *version, const struct cli_verb *verbs, int argc,
	char **argv);

enum cli_kind { CLI_STRING, CLI_INT, CLI_BOOL, CLI_STRV /* repeatable */ };
struct cli_flag {
	const char *name; /* without dashes */
	enum cli_kind kind;
	void *target;     /* const char **, int64_t *, bool *, struct strv * */
	const char *meta; /* "FILE" */
	const char *help;
	int64_t min, max; /* CLI_INT */
	bool required;
};
/* Parses flags; *ret_args gets what is left (pointers into argv). 0 = go on, 1 = --help was printed
 * (return EXIT_OK), -1 = usage error already printed (return EXIT_USAGE). */
int cli_parse(int argc, char **argv, const struct cli_flag *flags, size_t n, const char *help,
	int max_args, char ***ret_args, int *ret_n) CHECK_RESULT;
/* "program: text" on stderr; returns code. */
int cli_fail(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);
extern const char *cli_program; /* set by cli_main */

#endif
