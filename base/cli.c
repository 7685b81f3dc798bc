/* Verb and flag tables, see cli.h. */
#include "base/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"

enum { HELP_MAX_BYTES = 64 << 10, COLUMN = 28 };

const char *cli_program = "shithub";

/* What cli_parse needs to name the verb it parses for; set on the way to that verb. */
static struct {
	char path[128]; /* "shithubd admin runner list" */
	const struct cli_verb *verb;
} current;

int cli_fail(int code, const char *fmt, ...)
{
	char *text CLEAN_STR = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fprintf(stderr, "%s: %s\n", cli_program, text ? text : fmt);
	return code;
}

static void enter_path(const char *name, const struct cli_verb *verb)
{
	size_t n = strlen(current.path);

	snprintf(current.path + n, sizeof(current.path) - n, "%s%s", n ? " " : "", name);
	current.verb = verb;
}

static bool is_help(const char *arg)
{
	return str_eq(arg, "--help") || str_eq(arg, "-h");
}

/* Verbs */

static void verbs_help(const struct cli_verb *verbs, FILE *to)
{
	fprintf(to, "usage: %s VERB [FLAGS]\n", current.path);
	if (current.verb && current.verb->summary)
		fprintf(to, "\n%s\n", current.verb->summary);
	if (current.verb && current.verb->help)
		fprintf(to, "\n%s\n", current.verb->help);
	fprintf(to, "\nverbs:\n");
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (!v->hidden)
			fprintf(to, "  %-*s %s\n", COLUMN - 2, v->name,
				v->summary ? v->summary : "");
	fprintf(to, "\n`%s VERB --help` tells more.\n", current.path);
}

static const struct cli_verb *find_verb(const struct cli_verb *verbs, const char *name)
{
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

static int run_verbs(const struct cli_verb *verbs, int argc, char **argv)
{
	const struct cli_verb *v;

	if (argc >= 2 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) {
		verbs_help(verbs, stdout);
		return EXIT_OK;
	}
	if (argc < 2) {
		verbs_help(verbs, stderr);
		return EXIT_USAGE;
	}
	v = find_verb(verbs, argv[1]);
	if (!v)
		return cli_fail(EXIT_USAGE, "unknown verb \"%s\" (`%s --help` lists them)", argv[1],
			current.path);
	enter_path(v->name, v);
	argc--;
	argv++;
	/* a verb with both: its own flags unless a nested verb or help is named */
	if (v->sub && (!v->run || (argc >= 2 && (is_help(argv[1]) || find_verb(v->sub, argv[1])))))
		return run_verbs(v->sub, argc, argv);
	return v->run(argc, argv);
}

int cli_main(const char *program, const char *version, const struct cli_verb *verbs, int argc,
	char **argv)
{
	int code;

	cli_program = program;
	current.path[0] = '\0';
	enter_path(program, NULL);
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program, version);
		code = EXIT_OK;
	} else {
		code = run_verbs(verbs, argc, argv);
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_OK)
		return cli_fail(EXIT_FINDINGS, "cannot write the output: %s", strerror(errno));
	return code;
}

/* Flags */

PRINTF_LIKE(1, 2)
static int usage_error(const char *fmt, ...)
{
	char *text CLEAN_STR = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fprintf(stderr, "%s: %s (see --help)\n", *current.path ? current.path : cli_program,
		text ? text : fmt);
	return -1;
}

static void flags_help(const struct cli_flag *flags, size_t n, const char *help)
{
	const struct cli_verb *v = current.verb;
	bool has_usage = v && !str_empty(v->usage);

	printf("usage: %s%s%s\n", current.path, has_usage ? " " : "",
		has_usage ? v->usage : (n ? " [FLAGS]" : ""));
	if (v && v->summary)
		printf("\n%s\n", v->summary);
	if (help)
		printf("\n%s\n", help);
	printf("\nflags:\n");
	for (size_t i = 0; i < n; i++) {
		const struct cli_flag *f = &flags[i];
		bool value = f->kind != CLI_BOOL;
		char left[96];

		snprintf(left, sizeof(left), "--%s%s%s", f->name, value ? " " : "",
			value ? (f->meta ? f->meta : "VALUE") : "");
		printf("  %-*s %s%s%s\n", COLUMN - 2, left, f->help ? f->help : "",
			f->required ? " (required)" : "",
			f->kind == CLI_STRV ? " (may be repeated)" : "");
	}
	printf("  %-*s %s\n", COLUMN - 2, "--help", "this text");
}

static int set_string(const struct cli_flag *f, const char *value)
{
	*(const char **)f->target = value;
	return 0;
}

static int set_int(const struct cli_flag *f, const char *value)
{
	bool bounded = f->min || f->max;
	int64_t min = bounded ? f->min : INT64_MIN, max = bounded ? f->max : INT64_MAX;

	if (parse_i64(value, min, max, f->target))
		return 0;
	if (!bounded)
		return usage_error("--%s \"%s\": expected a whole number", f->name, value);
	return usage_error("--%s \"%s\": expected a whole number from %lld to %lld", f->name, value,
		(long long)min, (long long)max);
}

static int set_bool(const struct cli_flag *f, const char *value)
{
	bool yes = !value || strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "false") != 0)
		return usage_error("--%s=\"%s\": expected true or false", f->name, value);
	*(bool *)f->target = yes;
	return 0;
}

static int add_string(const struct cli_flag *f, const char *value)
{
	strv_add(f->target, value);
	return 0;
}

static int (*const setters[])(const struct cli_flag *f, const char *value) = {
	[CLI_STRING] = set_string,
	[CLI_INT] = set_int,
	[CLI_BOOL] = set_bool,
	[CLI_STRV] = add_string,
};

struct parse {
	int argc, at;
	char **argv;
	const struct cli_flag *flags;
	size_t n;
	bool *seen; /* per flag */
};

/* argv[at] is "--name" or "--name=value"; may take the next argument as well. */
static int parse_flag(struct parse *p)
{
	const char *arg = p->argv[p->at] + 2, *value = strchr(arg, '=');
	struct slice name = { arg, value ? (size_t)(value - arg) : strlen(arg) };
	size_t i = 0;

	while (i < p->n && !slice_eq(name, p->flags[i].name))
		i++;
	if (i == p->n)
		return usage_error("unknown flag --%.*s", (int)name.len, name.ptr);
	if (value) {
		value++;
	} else if (p->flags[i].kind != CLI_BOOL) {
		if (p->at + 1 >= p->argc || str_starts(p->argv[p->at + 1], "--"))
			return usage_error("--%s: expected a value (%s)", p->flags[i].name,
				p->flags[i].meta ? p->flags[i].meta : "VALUE");
		value = p->argv[++p->at];
	}
	p->seen[i] = true;
	return setters[p->flags[i].kind](&p->flags[i], value);
}

/* Moves what is no flag to the front of argv[1..]; *ret_kept counts it. */
static int parse_all(struct parse *p, int *ret_kept)
{
	int kept = 0;

	for (p->at = 1; p->at < p->argc; p->at++) {
		char *arg = p->argv[p->at];
		if (strcmp(arg, "--") == 0)
			break;
		if (is_help(arg))
			return 1;
		if (str_starts(arg, "--")) {
			if (parse_flag(p) < 0)
				return -1;
		} else if (arg[0] == '-' && arg[1]) {
			return usage_error("unknown flag %s", arg);
		} else {
			p->argv[1 + kept++] = arg;
		}
	}
	for (p->at++; p->at < p->argc; p->at++)
		p->argv[1 + kept++] = p->argv[p->at];
	*ret_kept = kept;
	return 0;
}

static int check_all(const struct parse *p, int kept, int max_args)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->flags[i].required && !p->seen[i])
			return usage_error("--%s is required", p->flags[i].name);
	if (kept > max_args)
		return usage_error("unexpected argument \"%s\"", p->argv[1 + max_args]);
	return 0;
}

int cli_parse(int argc, char **argv, const struct cli_flag *flags, size_t n, const char *help,
	int max_args, char ***ret_args, int *ret_n)
{
	struct parse p = { .argc = argc, .argv = argv, .flags = flags, .n = n };
	int kept = 0, rc;

	p.seen = xcalloc(n, sizeof(*p.seen));
	rc = parse_all(&p, &kept);
	if (rc == 1)
		flags_help(flags, n, help);
	else if (rc == 0)
		rc = check_all(&p, kept, max_args);
	free(p.seen);
	if (rc != 0)
		return rc;
	if (1 + kept < argc)
		argv[1 + kept] = NULL; /* ended like argv itself */
	if (ret_args)
		*ret_args = argv + 1;
	if (ret_n)
		*ret_n = kept;
	return 0;
}
