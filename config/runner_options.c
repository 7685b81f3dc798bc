/*
 * How the runner's configuration is loaded: flags parsed, file and token file read, checks over
 * several options.
 */
#include "config/runner_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/image_ref.h"
#include "config/network_check.h"
#include "config/runner_check.h"

int runner_args_parse_rest(struct runner_args *ret, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help, int max_args, char ***ret_rest,
	int *ret_n)
{
	struct cli_flag flags[1 + RUNNER_OPTION_COUNT + RUNNER_OWN_FLAGS_MAX];
	struct strv texts = { 0 };
	size_t n = 0;

	if (n_own > RUNNER_OWN_FLAGS_MAX)
		BUG("%zu own flags", n_own);
	*ret = (struct runner_args){ 0 };
	for (size_t i = 0; i < n_own; i++)
		flags[n++] = own[i];
	flags[n++] = (struct cli_flag){ .name = "config",
		.target = &ret->config,
		.meta = "FILE",
		.help = "configuration (default " RUNNER_CONFIG_PATH ", if it exists)" };
	n += options_cli_flags(
		runner_option_table, RUNNER_OPTION_COUNT, ret->text, &texts, flags + n);
	int rc = cli_parse(argc, argv, flags, n, help, max_args, ret_rest, ret_n);
	strv_release(&texts);
	return rc;
}

int runner_args_parse(struct runner_args *ret, int argc, char **argv, const struct cli_flag *own,
	size_t n_own, const char *help)
{
	char **rest;
	int n;

	return runner_args_parse_rest(ret, argc, argv, own, n_own, help, 0, &rest, &n);
}

/* loading */

static struct option_value *value_named(struct options *o, const char *section, const char *key)
{
	return &o->values[options_find(o, section, key)];
}

static void load_text(struct options *o, const char *path, bool optional)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(LIMIT_CONFIG_FILE);
	struct err e = { 0 };
	struct stat st;

	if (file_read(path, &text, &e) < 0) {
		if (!optional || !err_is(&e, ERR_NOT_FOUND))
			options_problem(o, NULL, NULL, "%s", e.text);
		return;
	}
	options_file(o, path, buf_cstr(&text), text.len);
	const struct option_value *token = value_named(o, "runner", "token");
	if (token->text && token->origin == ORIGIN_FILE && stat(path, &st) == 0 &&
		(st.st_mode & S_IROTH))
		strv_addf(&o->warnings,
			"%s holds runner.token and every user may read it; chmod 0640 it or use "
			"runner.token_file",
			path);
}

static void load_file(struct options *o, const struct runner_args *args, char *const *environ)
{
	static const char name[] = RUNNER_ENV_PREFIX "CONFIG=";
	const char *path = args->config, *source = "--config";

	for (size_t i = 0; !path && environ && environ[i]; i++) {
		if (str_starts(environ[i], name)) {
			path = environ[i] + sizeof(name) - 1;
			source = "environment " RUNNER_ENV_PREFIX "CONFIG";
		}
	}
	if (!path)
		load_text(o, RUNNER_CONFIG_PATH, true);
	else if (!*path || !utf8_valid(path, strlen(path)))
		options_problem(o, NULL, source, "expected the path of a file, in UTF-8");
	else
		load_text(o, path, false);
}

/* The token in runner.token_file, or NULL with an error. */
static char *read_token(const char *path, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(LIMIT_TOKEN);
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_set_errno(e, errno, "%s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_INPUT, "%s: not a regular file, expected a file with the token",
			path);
		return NULL;
	}
	if (st.st_mode & 077) {
		err_set(e, ERR_INPUT,
			"%s: group or others may use it (mode %04o), expected 0600: chmod 0600 %s",
			path, (unsigned)(st.st_mode & 07777), path);
		return NULL;
	}
	if (fd_read_all(fd, &text, e) < 0)
		return NULL;
	while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	CLEAN_SECRET char *token = xstrndup(buf_cstr(&text), text.len);
	const char *wrong = check_token(&token);
	if (wrong || strlen(token) != text.len) {
		err_set(e, ERR_INPUT, "%s: content is no token (not shown), %s", path,
			wrong ? wrong : "expected text");
		return NULL;
	}
	return TAKE(token);
}

/* runner.token and runner.token_file are two ways to give one thing: the stronger source wins. */
static void resolve_token(struct options *o)
{
	struct option_value *token = value_named(o, "runner", "token");
	const struct option_value *file = value_named(o, "runner", "token_file");
	struct err e = { 0 };

	if (!file->text || (token->text && token->origin > file->origin))
		return;
	if (token->text && token->origin == file->origin) {
		options_problem(o, "runner.token", file->source,
			"both token and token_file are set, expected one of them");
		return;
	}
	char *text = read_token(file->text, &e);
	if (!text) {
		options_problem(o, "runner.token_file", file->source, "%s", e.text);
		return;
	}
	wipe_free(token->text);
	free(token->source);
	token->text = text;
	token->origin = file->origin;
	token->source = xstrdup(file->source);
}

/* The list guards what environment and flags may make of the image. */
static void check_default_image(struct options *o)
{
	const struct option_value *image = value_named(o, "engine", "default_image");
	struct err e = { 0 };

	if (image->text && image_allowed(&value_named(o, "engine", "allowed_images")->list,
				   image->text, &e) < 0)
		options_problem(o, "engine.default_image", image->source, "%s", e.text);
}

/* The resolver stands on the first address of the subnet, wherever that was moved to. */
static void follow_subnet(struct options *o)
{
	const struct option_value *subnet = value_named(o, "network", "subnet");
	struct option_value *dns = value_named(o, "engine", "dns_servers");
	struct ip_range r;
	char text[IP_RANGE_TEXT];

	if (subnet->origin == ORIGIN_DEFAULT || dns->origin != ORIGIN_DEFAULT ||
		!ip_range_parse(subnet->text, &r))
		return;
	strv_release(&dns->list);
	strv_add(&dns->list, ip_range_text((struct ip_range){ r.address + 1, 32 }, text));
	dns->origin = subnet->origin;
	dns->source = xstrdup(subnet->source);
}

/* The lower mark lies below the upper one: where only that was set, its default follows. */
static void check_water(struct options *o)
{
	const struct option_value *high = value_named(o, "disk", "high_water");
	struct option_value *low = value_named(o, "disk", "low_water");
	int64_t h, l;

	if (!parse_i64(high->text, 1, 100, &h) || !parse_i64(low->text, 0, 99, &l) || l < h)
		return;
	if (low->origin != ORIGIN_DEFAULT) {
		options_problem(o, "disk.low_water", low->source,
			"expected less than disk.high_water, which is %s", high->text);
		return;
	}
	free(low->text);
	low->text = xasprintf("%d", (int)h - 1);
	low->origin = high->origin;
	low->source = xstrdup(high->source);
}

static void add_warnings(struct options *o)
{
	const char *url = value_named(o, "server", "base_url")->text;

	if (url && url_is_plain_remote(url))
		strv_addf(&o->warnings,
			"server.base_url: %s is not encrypted and not on this machine; tokens and "
			"logs can be read on the way, use https",
			url);
	const struct option_value *token = value_named(o, "runner", "token");
	if (token->text && str_eq(token->source, "--token"))
		strv_add(&o->warnings,
			"--token: every user of this machine can see it in the process list; "
			"use --token-file");
}

int runner_config_load(struct runner_config *ret, struct options *o, const struct runner_args *args,
	char *const *environ)
{
	static const char *const other[] = { "CONFIG", NULL };
	const struct option_names names = { RUNNER_ENV_PREFIX, "runner", other };

	*ret = (struct runner_config){ 0 };
	options_init(o, runner_option_table, RUNNER_OPTION_COUNT);
	options_defaults(o);
	load_file(o, args, environ);
	options_environment(o, &names, environ);
	options_flags(o, args->text);
	resolve_token(o);
	check_default_image(o);
	follow_subnet(o);
	check_water(o);
	add_warnings(o);
	return options_apply(o, ret);
}

int runner_config_report(const struct options *o)
{
	for (size_t i = 0; i < o->n_problems; i++) {
		CLEAN_STR char *line = option_problem_line(&o->problems[i]);
		fprintf(stderr, "%s\n", line);
	}
	return EXIT_USAGE;
}

int runner_config_require(const struct runner_config *c, struct err *e)
{
	const struct {
		bool missing;
		const char *key, *how;
	} needs[] = {
		{ !c->server.base_url, "server.base_url", "--server-url URL" },
		{ !c->runner.token, "runner.token", "--token-file FILE" },
		{ !c->runner.labels.n, "runner.labels", "--labels A,B" },
	};

	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		if (needs[i].missing)
			return err_set(e, ERR_INPUT,
				"%s is not set, expected it in the file or as %s", needs[i].key,
				needs[i].how);
	}
	return 0;
}

void runner_config_release(struct runner_config *c)
{
	for (size_t i = 0; i < RUNNER_OPTION_COUNT; i++) {
		const struct option *opt = &runner_option_table[i];
		char *target = (char *)c + opt->offset;
		if (opt->type == OPTION_STRING)
			wipe_free(*(char **)target);
		else if (opt->type == OPTION_LIST)
			strv_release((struct strv *)target);
	}
	*c = (struct runner_config){ 0 };
}
