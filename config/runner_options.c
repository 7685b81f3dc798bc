/*
 * How the runner's configuration is loaded: flags parsed, file and token file read, checks over
 * several options.
 */
#include "config/runner_options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "config/image_ref.h"
#include "config/network_check.h"
#include "config/runner_check.h"
#include "config/runner_token.h"

void runner_args_here(struct runner_args *a)
{
	if (!getcwd(a->cwd, sizeof(a->cwd)))
		a->cwd[0] = '\0';
}

int runner_args_parse_rest(struct runner_args *ret, int argc, char **argv,
	const struct cli_flag *own, size_t n_own, const char *help, int max_args, char ***ret_rest,
	int *ret_n)
{
	struct cli_flag flags[1 + 2 * RUNNER_OPTION_COUNT + RUNNER_OWN_FLAGS_MAX];
	struct strv texts = { 0 };
	size_t n = 0;

	if (n_own > RUNNER_OWN_FLAGS_MAX)
		BUG("%zu own flags", n_own);
	*ret = (struct runner_args){ 0 };
	runner_args_here(ret);
	for (size_t i = 0; i < n_own; i++)
		flags[n++] = own[i];
	flags[n++] = (struct cli_flag){ .name = "config",
		.target = &ret->config,
		.meta = "FILE",
		.help = "configuration (default " RUNNER_CONFIG_PATH ", if it exists)" };
	n += options_cli_flags(
		runner_option_table, RUNNER_OPTION_COUNT, ret->text, ret->other, &texts, flags + n);
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
	const struct option_value *token = options_value(o, "runner", "token");
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

/* The list guards what environment and flags may make of the image. */
static void check_default_image(struct options *o)
{
	const struct option_value *image = options_value(o, "engine", "default_image");
	struct err e = { 0 };

	if (image->text && image_allowed(&options_value(o, "engine", "allowed_images")->list,
				   image->text, &e) < 0)
		options_problem(o, "engine.default_image", image->source, "%s", e.text);
}

/* The resolver stands on the first address of the subnet, wherever that was moved to. */
static void follow_subnet(struct options *o)
{
	const struct option_value *subnet = options_value(o, "network", "subnet");
	struct option_value *dns = options_value(o, "engine", "dns_servers");
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

/* Each slot needs a user or a project of its own. */
static void check_range(struct options *o, const char *section, const char *key, const char *what)
{
	const struct option_value *range = options_value(o, section, key);
	const struct option_value *capacity = options_value(o, "runner", "capacity");
	CLEAN_STR char *name = xasprintf("%s.%s", section, key);
	int64_t first, n, slots;

	if (range->text && parse_id_range(range->text, &first, &n) && capacity->text &&
		parse_i64(capacity->text, 1, 64, &slots) && n < slots)
		options_problem(o, name, range->source,
			"expected a range of at least runner.capacity %s, which is %s", what,
			capacity->text);
}

/* The lower mark lies below the upper one: where only that was set, its default follows. */
static void check_watermarks(struct options *o)
{
	const struct option_value *high = options_value(o, "disk", "high_water");
	struct option_value *low = options_value(o, "disk", "low_water");
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

/* Only root, or systemd for the unit's user, makes a folder in /var/lib. Without it another user
 * gets one at home. */
static void choose_state_dir(struct options *o, char *const *environ)
{
	struct option_value *state = options_value(o, "runner", "state_dir");
	const char *base = environment_get(environ, "XDG_STATE_HOME"),
		   *home = environment_get(environ, "HOME");

	if (state->origin != ORIGIN_DEFAULT || geteuid() == 0 || access(state->text, F_OK) == 0)
		return;
	if (!base || *base != '/')
		base = NULL;
	if (!base && (!home || *home != '/'))
		return;
	free(state->text);
	state->text = base ? xasprintf("%s/shithubd-runner", base)
			   : xasprintf("%s/.local/state/shithubd-runner", home);
}

/* The workspaces stand in the state directory, wherever that was moved to. */
static void follow_state_dir(struct options *o)
{
	const struct option_value *state = options_value(o, "runner", "state_dir");
	struct option_value *root = options_value(o, "runner", "workspace_root");

	if (root->origin != ORIGIN_DEFAULT || !state->text)
		return;
	free(root->text);
	root->text = xasprintf("%s/workspaces", state->text);
	root->origin = state->origin;
	root->source = state->source ? xstrdup(state->source) : NULL;
}

static void add_warnings(struct options *o)
{
	const char *url = options_value(o, "server", "base_url")->text;

	if (url && url_is_plain_remote(url))
		strv_addf(&o->warnings,
			"server.base_url: %s is not encrypted and not on this machine; tokens and "
			"logs can be read on the way, use https",
			url);
	const struct option_value *token = options_value(o, "runner", "token");
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
	o->aliases = runner_option_aliases;
	options_defaults(o);
	load_file(o, args, environ);
	options_environment(o, &names, environ);
	options_flags(o,
		&(struct option_texts){ args->text, args->other, *args->cwd ? args->cwd : NULL });
	choose_state_dir(o, environ);
	follow_state_dir(o);
	if (args->without_token)
		options_forget(o, (const char *[]){ "runner.token", "runner.token_file", NULL });
	else
		runner_token_resolve(o, environ);
	check_default_image(o);
	follow_subnet(o);
	check_watermarks(o);
	check_range(o, "engine", "user", "users");
	check_range(o, "runner", "project_ids", "projects");
	add_warnings(o);
	if (options_apply(o, ret) < 0)
		return -1;
	runner_config_origins(o, ret);
	return 0;
}

void runner_config_origins(const struct options *o, struct runner_config *ret)
{
	int list = options_find(o, "runner", "network_allowlist");

	ret->runner.network_allowlist_given =
		o->values[list].origin != ORIGIN_DEFAULT && o->values[list].list.n > 0;
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
		{ !c->runner.token, "runner.token",
			"--token-file FILE, or LoadCredential=token: of the unit; `shithubd admin "
			"runner register` prints one" },
		{ !c->runner.labels.n, "runner.labels", "--labels A,B" },
	};
	CLEAN_BUF struct buf list = BUF_INIT(256);
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		if (needs[i].missing)
			buf_addf(&list, "%s%s (%s)", n++ ? ", " : "", needs[i].key, needs[i].how);
	}
	if (n == 0)
		return 0;
	return err_set(e, ERR_INPUT, "not set: %s; set %s in the file or with %s", buf_cstr(&list),
		n > 1 ? "them" : "it", n > 1 ? "these flags" : "this flag");
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
