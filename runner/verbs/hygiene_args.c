/*
 * One prologue for all hygiene verbs. A verb names the flags that it has; the configuration, the
 * policy and the HTTP client are opened here, the engine only where one is asked.
 */
#include "runner/verbs/hygiene_args.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"

extern char **environ;

/* ---- flags ---- */

static size_t own_flags(struct hygiene_args *a, unsigned which, struct cli_flag *ret)
{
	struct hygiene_request *r = &a->request;

	const struct {
		unsigned of;
		struct cli_flag flag;
	} all[] = {
		{ 0, CLI_OUTPUT_FLAG(a->output) },
		{ HYGIENE_FLAG_OBSERVATION,
			{ "observation", CLI_STRING, &a->observation, "FILE",
				"evaluate this file instead of inspecting the host" } },
		{ HYGIENE_FLAG_OBSERVATION,
			{ "policy", CLI_STRING, &a->policy_file, "FILE", "instead of [hygiene]" } },
		{ HYGIENE_FLAG_ATTENTION, { "fail-on-attention", CLI_BOOL, &a->fail_on_attention,
						  NULL, "exit 1 when something needs attention" } },
		{ HYGIENE_FLAG_REQUEST, { "action", CLI_STRING, &r->action, "NAME",
						"what to do; docs/HYGIENE.md" } },
		{ HYGIENE_FLAG_REQUEST, { "host", CLI_STRING, &r->host, "NAME",
						"host name (default: this machine)" } },
		{ HYGIENE_FLAG_REQUEST, { "audit-key", CLI_STRING, &r->key, "KEY",
						AUDIT_KEY_PREFIX "…: a new one for each change" } },
		{ HYGIENE_FLAG_REQUEST, { "volume", CLI_STRING, &r->volume, "NAME",
						"the one state volume to remove" } },
		{ HYGIENE_FLAG_REQUEST, { "retain", CLI_STRV, &r->retained, "NAME",
						"a warm builder to keep; may be repeated" } },
		{ HYGIENE_FLAG_REQUEST,
			{ "mutate", CLI_BOOL, &r->mutate, NULL, "change something" } },
		{ HYGIENE_FLAG_RESOLVE, { "resolve", CLI_BOOL, &a->resolve, NULL,
						"close records whose run died, as failed" } },
		{ HYGIENE_FLAG_RESOLVE,
			{ "move-damaged", CLI_BOOL, &a->move_damaged, NULL,
				"with --resolve: move records that cannot be read to "
				"hygiene/damaged" } },
		{ HYGIENE_FLAG_LIMIT,
			{ "limit", CLI_INT, &a->limit, "N", "newest N (default 25)", 1, 100 } },
		{ HYGIENE_FLAG_LIMIT, CLI_COLOR_FLAG(a->color) },
	};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!all[i].of || (all[i].of & which))
			ret[n++] = all[i].flag;
	return n;
}

static int check_flags(const struct hygiene_args *a, unsigned which)
{
	const struct hygiene_request *r = &a->request;
	const char *wrong = r->key ? audit_key_problem(r->key) : NULL;

	if (wrong)
		return cli_fail(EXIT_USAGE, "--audit-key: %s", wrong);
	if (a->move_damaged && !a->resolve)
		return cli_fail(EXIT_USAGE, "--move-damaged belongs to --resolve");
	if (!(which & HYGIENE_FLAG_REQUEST) || a->resolve)
		return EXIT_OK;
	if (str_empty(r->action))
		return cli_fail(EXIT_USAGE, "--action is needed: see docs/HYGIENE.md");
	if (hygiene_action_parse(r->action) == HYGIENE_ACTIONS)
		return cli_fail(EXIT_USAGE,
			"--action: there is no such action, expected prune_docker_cache, "
			"bound_docker_cache, prune_dangling_images or "
			"remove_buildkit_state_volumes");
	return EXIT_OK;
}

/* ---- opening ---- */

static int read_json(const char *path, struct json_doc **ret, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(OBSERVATION_MAX);
	struct json_limits lim = { .bytes = OBSERVATION_MAX };
	int rc =
		str_eq(path, "-") ? fd_read_all(STDIN_FILENO, &text, e) : file_read(path, &text, e);

	*ret = rc < 0 ? NULL : json_parse(buf_cstr(&text), text.len, &lim, e);
	return *ret ? 0 : err_wrap(e, "%s", path);
}

/* What a report printed holds both as members; either may also be given bare. */
static const struct json_value *member(const struct json_value *v, const char *key)
{
	const struct json_value *inner = json_get(v, key);

	return inner ? inner : v;
}

static int load_policy(struct hygiene_args *a, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL;

	if (!a->policy_file)
		return hygiene_policy_of(&a->policy, &a->config, e);
	if (read_json(a->policy_file, &doc, e) < 0)
		return -1;
	if (hygiene_policy_read(&a->policy, member(json_root(doc), "policy"), e) < 0) {
		e->class = ERR_INPUT;
		return err_wrap(e, "%s", a->policy_file);
	}
	return 0;
}

int hygiene_args_open(struct hygiene_args *a, int argc, char **argv, unsigned which,
	const char *help, int *ret_code)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION };
	struct cli_flag flags[RUNNER_OWN_FLAGS_MAX];
	struct runner_args args;
	struct err e = { 0 };
	int rc = runner_args_parse(&args, argc, argv, flags, own_flags(a, which, flags), help);

	if (rc != 0) {
		*ret_code = rc > 0 ? EXIT_OK : EXIT_USAGE;
		return -1;
	}
	*ret_code = check_flags(a, which);
	if (*ret_code != EXIT_OK)
		return -1;
	if (runner_config_load(&a->config, &a->options, &args, environ) < 0) {
		*ret_code = runner_config_report(&a->options);
		return -1;
	}
	log_setup(a->config.runner.log_level, a->config.runner.log_format, STDERR_FILENO);
	log_redact(a->config.runner.token ? a->config.runner.token : "");
	http.ca_file = a->config.server.ca_file;
	a->loop = load_policy(a, &e) < 0 ? NULL : loop_new(&e);
	a->http = a->loop ? http_new(a->loop, &http, &e) : NULL;
	if (a->http) {
		if (!a->request.host)
			a->request.host = a->policy.approved_host;
		return 0;
	}
	*ret_code = hygiene_fail(&e);
	return -1;
}

int hygiene_args_engine(struct hygiene_args *a, struct err *e)
{
	if (!a->engine)
		a->engine = engine_open(
			a->loop, a->http, a->config.engine.kind, a->config.engine.socket, e);
	return a->engine ? 0 : -1;
}

void hygiene_args_release(struct hygiene_args *a)
{
	engine_free(a->engine);
	http_free(a->http);
	loop_free(a->loop);
	hygiene_policy_release(&a->policy);
	strv_release(&a->request.retained);
	options_release(&a->options);
	runner_config_release(&a->config);
}

struct host_context hygiene_args_context(const struct hygiene_args *a)
{
	return (struct host_context){ a->loop, a->engine, &a->config, &a->policy };
}

int hygiene_args_observe(struct hygiene_args *a, struct host_observation *ret,
	struct host_calls *calls, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL;

	if (!a->observation) {
		if (hygiene_args_engine(a, e) < 0)
			return -1;
		struct host_context h = hygiene_args_context(a);
		return host_collect(&h, ret, calls, e);
	}
	if (read_json(a->observation, &doc, e) < 0)
		return -1;
	return host_observation_read(ret, member(json_root(doc), "observation"), e);
}

int hygiene_apply_open(struct hygiene_args *a, struct host_apply *ret, struct err *e)
{
	if (host_user_check(&a->config, e) < 0 || hygiene_args_engine(a, e) < 0 ||
		audit_open(&ret->audit, a->config.runner.state_dir, e) < 0)
		return -1;
	ret->context = hygiene_args_context(a);
	ret->target = (struct audit_target){ a->http, a->config.server.base_url,
		a->config.runner.token, a->config.hygiene.timeout_us };
	return 0;
}

void hygiene_apply_release(struct host_apply *h)
{
	audit_release(&h->audit);
}

/* ---- output ---- */

/* As exit_code(), but what goes wrong while evidence is collected leaves it incomplete. */
int hygiene_fail(const struct err *e)
{
	int code = err_is(e, ERR_LIMIT) ? EXIT_INCOMPLETE : (int)exit_code(e);

	return cli_fail(code == EXIT_FINDINGS ? EXIT_INCOMPLETE : code, "%s", e->text);
}

int hygiene_print_text(const struct buf *out, int code)
{
	struct err e = { 0 };

	if (!buf_ok(out))
		return cli_fail(EXIT_FINDINGS, "the output is too large");
	if (fd_write_all(STDOUT_FILENO, buf_cstr(out), out->len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "standard output: %s", e.text);
	return code;
}

int hygiene_print(struct json_writer *w, struct buf *out, int code)
{
	struct err e = { 0 };

	if (json_writer_finish(w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	if (out->len && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
	return hygiene_print_text(out, code);
}
