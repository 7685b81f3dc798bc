/*
 * The command line as a source of options, and where relative paths begin: those of the command
 * line at the folder in which the program was started, those of a file at the file's folder, as
 * each is where its writer stood. They are made absolute before anything is checked. A ".." may
 * only lead: behind a name, which may be a link, it would mean another folder than the one it reads
 * like.
 */
#include "config/options_take.h"

/* Of a folder without links: up one level; "/" stays. */
static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* The absolute form; NULL: the text is one already, or no path. The caller's. */
static char *resolve_path(const char *cwd, const char *text)
{
	CLEAN_STR char *folder = xstrdup(cwd);

	if (!*text || *text == '/' || strstr(text, "://"))
		return NULL;
	for (;;) {
		if (str_starts(text, "./")) {
			text += 2;
		} else if (str_starts(text, "../")) {
			text += 3;
			cut_last(folder);
		} else if (str_eq(text, "..")) {
			text += 2;
			cut_last(folder);
		} else if (*text == '/') {
			text++;
		} else {
			break;
		}
	}
	if (!*text || str_eq(text, "."))
		return TAKE(folder);
	return xasprintf("%s%s%s", folder, str_eq(folder, "/") ? "" : "/", text);
}

/* "127.0.0.1:9464" stands where a path may stand too: only what looks like a path is one. */
static bool means_path(const struct option *opt, const char *text)
{
	return opt->path == OPTION_PATH ||
	       (opt->path == OPTION_PATH_OR_NAME &&
		       (str_starts(text, "./") || str_starts(text, "../")));
}

char *option_path_absolute(const struct option *opt, const char *folder, const char *text)
{
	return folder && means_path(opt, text) ? resolve_path(folder, text) : NULL;
}

static void take_flag(struct options *o, const struct option *opt, const char *flag,
	const char *text, const char *cwd)
{
	CLEAN_STR char *shown = xasprintf("--%s", flag);
	CLEAN_STR char *path = option_path_absolute(opt, cwd, text);
	struct option_place at = { .origin = ORIGIN_FLAG, .name = shown };

	option_take(o, opt, &at, path ? path : text);
}

static void refuse_both(struct options *o, const struct option *opt)
{
	CLEAN_STR char *key = option_full_key(opt);
	CLEAN_STR char *shown = xasprintf("--%s", opt->flag_alias);

	options_problem(
		o, key, shown, "--%s sets the same key, expected one of the two flags", opt->flag);
}

void options_flags(struct options *o, const struct option_texts *given)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct option *opt = &o->table[i];
		const char *other = given->others ? given->others[i] : NULL;

		if (given->texts[i] && other)
			refuse_both(o, opt);
		else if (given->texts[i])
			take_flag(o, opt, opt->flag, given->texts[i], given->cwd);
		else if (other)
			take_flag(o, opt, opt->flag_alias, other, given->cwd);
	}
}

static struct cli_flag flag_of(
	const struct option *opt, const char *name, const char **target, const char *help)
{
	return (struct cli_flag){
		.name = name, .kind = CLI_STRING, .target = target, .meta = opt->meta, .help = help
	};
}

size_t options_cli_flags(const struct option *table, size_t count, const char **texts,
	const char **others, struct strv *own, struct cli_flag *flags)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct option *opt = &table[i];
		const char *help = opt->help;

		if (!opt->flag)
			continue;
		if (opt->fallback && *opt->fallback) {
			strv_addf(own, "%s (default %s)", opt->help, opt->fallback);
			help = own->v[own->n - 1];
		}
		flags[n++] = flag_of(opt, opt->flag, &texts[i], help);
		if (!opt->flag_alias || !others)
			continue;
		strv_addf(own, "the same as --%s", opt->flag);
		flags[n++] = flag_of(opt, opt->flag_alias, &others[i], own->v[own->n - 1]);
	}
	return n;
}
