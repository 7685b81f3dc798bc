/*
 * Verbs and flags are tables, so help, usage errors and parsing cannot disagree. The parser works
 * in argv itself: arguments that are not flags move to its front. What it needs for its messages
 * (the verb's path) is static, because a process parses one command line.
 */
#include "base/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cli_describe.h"
#include "base/nearest.h"

enum { COLUMN = 28, WORDS_MAX = 128 };

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

static bool is_description(const char *arg)
{
	return str_eq(arg, "--help=json");
}

/* ---- verbs ---- */

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
	fprintf(to, "\nRun `%s VERB --help` for details.\n", current.path);
}

static const struct cli_verb *find_verb(const struct cli_verb *verbs, const char *name)
{
	for (const struct cli_verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* Where a verb of that name is nested, as "admin run"; NULL: nowhere. The caller's. */
static char *find_nested(const struct cli_verb *verbs, const char *name)
{
	for (const struct cli_verb *v = verbs; v->name; v++) {
		CLEAN_STR char *deeper = NULL;

		if (!v->sub)
			continue;
		if (find_verb(v->sub, name))
			return xasprintf("%s %s", v->name, name);
		deeper = find_nested(v->sub, name);
		if (deeper)
			return xasprintf("%s %s", v->name, deeper);
	}
	return NULL;
}

static int unknown_verb(const struct cli_verb *verbs, const char *name)
{
	struct nearest near = nearest_to(name);
	CLEAN_STR char *nested = find_nested(verbs, name);
	const char *best = nested;

	for (const struct cli_verb *v = verbs; v->name && !nested; v++)
		if (!v->hidden)
			nearest_try(&near, v->name);
	if (!nested)
		best = near.best;
	return cli_fail(EXIT_USAGE, "unknown %s \"%s\"%s%s%s (`%s --help` lists them)",
		name[0] == '-' ? "flag" : "verb", name, best ? ", did you mean \"" : "",
		best ? best : "", best ? "\"?" : "", current.path);
}

static int run_verbs(const struct cli_verb *verbs, int argc, char **argv);

/* `help VERB…` is `VERB… --help`. */
static int help_verb(const struct cli_verb *verbs, int argc, char **argv)
{
	char help[] = "--help";
	char **line = xcalloc((size_t)argc + 1, sizeof(*line));

	line[0] = argv[0];
	memcpy(line + 1, argv + 2, (size_t)(argc - 2) * sizeof(*line));
	line[argc - 1] = help;
	int code = run_verbs(verbs, argc, line);
	free(line);
	return code;
}

const struct cli_verb *cli_find(
	const struct cli_verb *verbs, int n, char *const *words, int *ret_used)
{
	const struct cli_verb *found = NULL;

	for (*ret_used = 0; verbs && *ret_used < n; ++*ret_used) {
		const struct cli_verb *v = find_verb(verbs, words[*ret_used]);

		if (!v)
			break;
		found = v;
		verbs = v->sub;
	}
	return found && found->run ? found : NULL;
}

const char *cli_path(void)
{
	return current.path;
}

bool cli_is_local(void)
{
	return current.verb && current.verb->local;
}

static int run_verbs(const struct cli_verb *verbs, int argc, char **argv)
{
	const struct cli_verb *v;

	if (argc >= 2 && strcmp(argv[1], "help") == 0)
		return help_verb(verbs, argc, argv);
	if (argc >= 2 && is_help(argv[1])) {
		verbs_help(verbs, stdout);
		return EXIT_OK;
	}
	if (argc >= 2 && is_description(argv[1])) {
		cli_describe_verbs(current.path, verbs);
		return EXIT_OK;
	}
	if (argc < 2) {
		verbs_help(verbs, stderr);
		return EXIT_USAGE;
	}
	v = find_verb(verbs, argv[1]);
	if (!v)
		return unknown_verb(verbs, argv[1]);
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

/* ---- flags ---- */

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

const char *const cli_output_words[] = { "table", "json", NULL };
const char *const cli_output_old_words[] = { "text", NULL };
const char *const cli_color_words[] = { "auto", "always", "never", NULL };

/* "a|b|c", or with last = " or ": "a, b or c". */
static void join_words(
	char *out, size_t size, const char *const *words, const char *between, const char *last)
{
	size_t at = 0;

	*out = '\0';
	for (size_t i = 0; words[i] && at < size; i++) {
		const char *link = i == 0 ? "" : words[i + 1] ? between : last;

		at += (size_t)snprintf(out + at, size - at, "%s%s", link, words[i]);
	}
}

static void value_name(const struct cli_flag *f, char *out, size_t size)
{
	if (!f->meta && f->kind == CLI_CHOICE)
		join_words(out, size, f->words, "|", "|");
	else
		snprintf(out, size, "%s", f->meta ? f->meta : "VALUE");
}

static void flag_help(const struct cli_flag *f)
{
	char value[WORDS_MAX] = "", left[WORDS_MAX + 64];

	if (f->kind != CLI_BOOL)
		value_name(f, value, sizeof(value));
	snprintf(left, sizeof(left), "--%s%s%s", f->name, *value ? " " : "", value);
	printf("  %-*s ", COLUMN - 2, left);
	if (strlen(left) > COLUMN - 2)
		printf("\n  %-*s ", COLUMN - 2, ""); /* a long one has a line of its own */
	printf("%s%s%s%s\n", f->help ? f->help : "", f->required ? " (required)" : "",
		f->kind == CLI_STRV ? " (may be repeated)" : "",
		f->positional ? " (also as an argument)" : "");
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
	for (size_t i = 0; i < n; i++)
		flag_help(&flags[i]);
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
	return usage_error("--%s \"%s\": expected a whole number from %" PRId64 " to %" PRId64,
		f->name, value, min, max);
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

static int word_index(const char *const *words, const char *value)
{
	for (int i = 0; words && words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

static int set_choice(const struct cli_flag *f, const char *value)
{
	char words[WORDS_MAX];
	int i = word_index(f->words, value);

	if (i < 0)
		i = word_index(f->old_words, value);
	if (i >= 0) {
		*(int *)f->target = i;
		return 0;
	}
	join_words(words, sizeof(words), f->words, ", ", " or ");
	return usage_error("--%s \"%s\": expected %s", f->name, value, words);
}

static int (*const setters[])(const struct cli_flag *f, const char *value) = {
	[CLI_STRING] = set_string,
	[CLI_INT] = set_int,
	[CLI_BOOL] = set_bool,
	[CLI_STRV] = add_string,
	[CLI_CHOICE] = set_choice,
};

static int missing_value(const struct cli_flag *f)
{
	char value[WORDS_MAX];

	value_name(f, value, sizeof(value));
	return usage_error("--%s: expected a value (%s)", f->name, value);
}

struct parse {
	int argc, at;
	char **argv;
	const struct cli_flag *flags;
	size_t n;
	bool *seen; /* per flag */
	bool describe;
};

static int unknown_flag(const struct parse *p, struct slice name)
{
	CLEAN_STR char *text = xmemdup0(name.ptr, name.len);
	struct nearest near = nearest_to(text);

	for (size_t i = 0; i < p->n; i++)
		nearest_try(&near, p->flags[i].name);
	return usage_error("unknown flag --%s%s%s%s", text, near.best ? ", did you mean --" : "",
		near.best ? near.best : "", near.best ? "?" : "");
}

/* argv[at] is "--name" or "--name=value"; may take the next argument as well. */
static int parse_flag(struct parse *p)
{
	const char *arg = p->argv[p->at] + 2, *value = strchr(arg, '=');
	struct slice name = { arg, value ? (size_t)(value - arg) : strlen(arg) };
	size_t i = 0;

	while (i < p->n && !slice_eq(name, p->flags[i].name))
		i++;
	if (i == p->n)
		return unknown_flag(p, name);
	if (value) {
		value++;
	} else if (p->flags[i].kind != CLI_BOOL) {
		if (p->at + 1 >= p->argc || str_starts(p->argv[p->at + 1], "--"))
			return missing_value(&p->flags[i]);
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
		if (is_help(arg) || is_description(arg)) {
			p->describe = is_description(arg);
			return 1;
		}
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

/* ---- flags without their names ---- */

/* The flag was given by name too: both must say the same. */
static int compare_forms(const struct cli_flag *f, const char *arg)
{
	int64_t number = f->kind == CLI_INT ? *(int64_t *)f->target : 0;
	int word = f->kind == CLI_CHOICE ? *(int *)f->target : 0;
	const char *text = f->kind == CLI_STRING ? *(const char **)f->target : NULL;

	if (setters[f->kind](f, arg) < 0)
		return -1;
	if ((f->kind == CLI_INT && number != *(int64_t *)f->target) ||
		(f->kind == CLI_CHOICE && word != *(int *)f->target) ||
		(f->kind == CLI_STRING && !str_eq(text, arg)))
		return usage_error(
			"argument \"%s\" and --%s differ, expected one of them", arg, f->name);
	return 0;
}

/* Arguments go to the flags that were not given by name; when there are more than those, to all of
 * them. *kept counts what is left. */
static int take_positional(struct parse *p, int *kept)
{
	int open = 0, at = 0;

	for (size_t i = 0; i < p->n; i++)
		open += p->flags[i].positional && !p->seen[i];
	bool only_open = *kept <= open;
	for (size_t i = 0; i < p->n && at < *kept; i++) {
		const struct cli_flag *f = &p->flags[i];

		if (!f->positional || (only_open && p->seen[i]))
			continue;
		const char *arg = p->argv[1 + at++];
		if ((p->seen[i] ? compare_forms(f, arg) : setters[f->kind](f, arg)) < 0)
			return -1;
		p->seen[i] = true;
	}
	*kept -= at;
	memmove(p->argv + 1, p->argv + 1 + at, (size_t)*kept * sizeof(*p->argv));
	return 0;
}

static int missing_flag(const struct cli_flag *f)
{
	char value[WORDS_MAX];

	value_name(f, value, sizeof(value));
	if (f->positional)
		return usage_error("%s or --%s %s is required", value, f->name, value);
	return usage_error("--%s is required", f->name);
}

static int check_all(const struct parse *p, int kept, int max_args)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->flags[i].required && !p->seen[i])
			return missing_flag(&p->flags[i]);
	if (kept > max_args)
		return usage_error("unexpected argument \"%s\"", p->argv[1 + max_args]);
	return 0;
}

/* The second of two flags of one name would never be reached. */
static void check_names(const struct cli_flag *flags, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(flags[i].name, flags[k].name))
				BUG("%s: two flags --%s", current.path, flags[i].name);
}

int cli_parse(int argc, char **argv, const struct cli_flag *flags, size_t n, const char *help,
	int max_args, char ***ret_args, int *ret_n)
{
	struct parse p = { .argc = argc, .argv = argv, .flags = flags, .n = n };
	int kept = 0, rc;

	check_names(flags, n);
	p.seen = xcalloc(n, sizeof(*p.seen));
	rc = parse_all(&p, &kept);
	if (rc == 1 && p.describe)
		cli_describe_flags(current.path, help, flags, n);
	else if (rc == 1)
		flags_help(flags, n, help);
	else if (rc == 0)
		rc = take_positional(&p, &kept) < 0 ? -1 : check_all(&p, kept, max_args);
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
