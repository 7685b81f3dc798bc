/*
 * Flags, then workflow and event, then the plan, which is printed (-n) or run. What needs the
 * engine or the configuration comes last, so that --list and -n work anywhere.
 */
#include "runner/verbs/exec.h"

#include <stdio.h>
#include <time.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/limits.h"
#include "config/runner_inherit.h"
#include "runner/local/claim.h"
#include "runner/local/files.h"
#include "runner/local/history.h"
#include "runner/local/options.h"
#include "runner/local/print.h"
#include "runner/report/terminal.h"
#include "runner/local/run.h"
#include "runner/ipc/role.h"

enum { STATES_MAX = 64, JOBS_MAX = 64 };

extern char **environ;

const char verb_exec_help[] =
	"Runs a workflow of the current repository in the containers that a runner would use,\n"
	"with a copy of the work tree: uncommitted changes are in, ignored files "
	"are\n"
	"not. WORKFLOW is a file, or a name in .shithub/workflows; it may be omitted when there is "
	"only\n"
	"one. Image, engine and limits are the runner's configuration; server, token and labels\n"
	"are not needed.\n"
	"Exit codes: 0 no job failed, 1 a job failed or could not run, 2 bad flags or workflow, "
	"no\n"
	"repository.";

struct exec {
	/* flags */
	const char *workflow, *event, *payload, *artifact_dir;
	enum cli_output output;
	struct strv secret_files, inputs, secrets, env, vars;
	struct local_choice choice;
	bool dry_run, list;
	int64_t jobs; /* 0: as many as there are processors */
	struct runner_args args;
	/* made of them */
	struct loop *loop;
	struct local_repo repo;
	bool has_repo;
	char *path, *shown;
	struct workflow w;
	struct local_event ev;
	struct local_plan plan;
	bool color;
};

static void exec_release(struct exec *x)
{
	strv_release(&x->secret_files);
	strv_release(&x->inputs);
	for (size_t i = 0; i < x->secrets.n; i++)
		wipe(x->secrets.v[i], strlen(x->secrets.v[i]));
	strv_release(&x->secrets);
	strv_release(&x->env);
	strv_release(&x->vars);
	strv_release(&x->choice.jobs);
	strv_release(&x->choice.matrix);
	local_plan_release(&x->plan);
	local_event_release(&x->ev);
	workflow_release(&x->w);
	local_repo_release(&x->repo);
	loop_free(x->loop);
	free(x->path);
	free(x->shown);
}

/* ---- the workflow ---- */

/* 0, or an exit code; errors are printed. */
static int parse_file(const char *path, const char *shown, struct workflow *ret)
{
	/* more than the parser allows, so that the parser refuses and names the size */
	CLEAN_BUF struct buf text = BUF_INIT(MIB(16));
	CLEANUP(strv_release) struct strv problems = { 0 };
	struct err e = { 0 };

	if (file_read(path, &text, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (workflow_parse(shown, buf_cstr(&text), text.len, ret, &problems) == 0)
		return EXIT_OK;
	strv_each (line, &problems)
		fprintf(stderr, "%s\n", line);
	return EXIT_USAGE;
}

static const char *root_of(const struct exec *x)
{
	return x->has_repo ? x->repo.root : ".";
}

/* Only running needs a repository; a plan can be made of a file alone. */
static int find_repository(struct exec *x, struct err *e)
{
	x->loop = loop_new(e);
	if (!x->loop)
		return -1;
	x->has_repo = local_repo_open(x->loop, ".", &x->repo, e) == 0;
	if (!x->has_repo && !x->dry_run && !x->list)
		return -1;
	if (!x->has_repo)
		err_clear(e);
	return 0;
}

/* ---- --list ---- */

static int finish_json(struct json_writer *w, const struct buf *out)
{
	struct err e = { 0 };

	if (json_writer_finish(w, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	printf("%s\n", buf_cstr(out));
	return EXIT_OK;
}

static int list_file(const char *path, const char *shown, struct json_writer *json)
{
	CLEAN_WORKFLOW struct workflow w = { 0 };
	int code = parse_file(path, shown, &w);

	if (code != EXIT_OK)
		return code;
	if (json)
		local_json_jobs(json, shown, &w);
	else
		local_print_jobs(shown, &w);
	return EXIT_OK;
}

static int list_all(struct exec *x, const struct strv *names, struct json_writer *json)
{
	int worst = EXIT_OK;

	strv_each (name, names) {
		CLEAN_STR char *path = xasprintf("%s/%s/%s", root_of(x), LOCAL_WORKFLOW_DIR, name);
		CLEAN_STR char *shown = xasprintf("%s/%s", LOCAL_WORKFLOW_DIR, name);
		int code = list_file(path, shown, json);

		worst = code > worst ? code : worst;
	}
	return worst;
}

static int list(struct exec *x)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(64));
	struct json_writer w = { 0 }, *json = x->output == OUTPUT_JSON ? &w : NULL;
	struct err e = { 0 };
	int code, written = EXIT_OK;

	if (local_files_list(root_of(x), &names, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	if ((x->workflow || names.n == 0) &&
		local_files_find(root_of(x), x->workflow, &x->path, &x->shown, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (json) {
		json_writer_init(json, &out, true);
		json_begin_array(json);
	}
	code = x->path ? list_file(x->path, x->shown, json) : list_all(x, &names, json);
	if (json) {
		json_end_array(json);
		written = finish_json(json, &out);
	}
	return code != EXIT_OK ? code : written;
}

/* ---- the event ---- */

static void describe_repository(struct exec *x)
{
	static const char none[] = EVENT_NO_COMMIT;

	x->ev.workflow_file = x->shown;
	x->ev.sha = x->has_repo ? x->repo.sha : none;
	x->ev.ref = x->has_repo ? x->repo.ref : "HEAD";
	x->ev.repository = x->has_repo ? x->repo.name : "local/repository";
	x->ev.url = x->has_repo ? x->repo.url : "http://localhost/local/repository.git";
	if (!x->has_repo)
		x->repo.actor = local_user_name();
	x->ev.actor = x->repo.actor;
	x->ev.default_branch = x->repo.default_branch;
	x->ev.before = x->repo.before;
	x->ev.commit = x->repo.commit;
	x->ev.cron = x->w.on.n_crons ? x->w.on.crons[0].fields : NULL;
	x->ev.run_id = (int64_t)time(NULL);
}

/* A payload that names its branch decides the ref. */
static void follow_payload(struct exec *x, const struct json_value *payload)
{
	const char *ref = json_get_string(payload, "ref");

	if (ref && str_starts(ref, "refs/"))
		x->ev.ref = ref;
}

static int read_pairs(struct exec *x, struct err *e)
{
	strv_each (path, &x->secret_files)
		if (local_secrets_read(&x->ev.secrets, path, e) < 0)
			return -1;
	if (local_pairs_read(&x->ev.secrets, "--secret", &x->secrets, true, e) < 0 ||
		local_pairs_read(&x->ev.env, "--env", &x->env, false, e) < 0)
		return -1;
	return local_pairs_read(&x->ev.vars, "--var", &x->vars, false, e);
}

static int read_inputs(struct exec *x, const struct json_value *payload, struct err *e)
{
	CLEANUP(pairs_release) struct pairs given = { 0 };

	if (local_pairs_read(&given, "--input", &x->inputs, false, e) < 0)
		return -1;
	if (str_eq(x->ev.name, "workflow_dispatch"))
		return local_inputs_complete(
			&x->w, &given, json_get(payload, "inputs"), &x->ev.inputs, e);
	if (given.n > 0)
		return err_set(e, ERR_INPUT,
			"--input: the event %s has none, expected --event workflow_dispatch",
			x->ev.name);
	return 0;
}

static int make_event(struct exec *x, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL;
	const struct json_value *payload;

	describe_repository(x);
	if (local_event_choose(&x->w, x->event, &x->ev.name, e) < 0)
		return -1;
	if (x->payload && !(doc = local_payload_read(x->payload, e)))
		return -1;
	payload = doc ? json_root(doc) : NULL;
	if (read_pairs(x, e) < 0 || read_inputs(x, payload, e) < 0 ||
		local_payload_make(&x->ev, payload, e) < 0)
		return -1;
	follow_payload(x, json_root(x->ev.payload));
	return 0;
}

static int print_plan(const struct exec *x)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(64));
	struct json_writer w;
	struct err e = { 0 };

	if (x->output == OUTPUT_TEXT) {
		local_print_plan(&x->plan, x->color);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, true);
	if (local_json_plan(&w, &x->plan, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return finish_json(&w, &out);
}

/* ---- running ---- */

static int option_index(const char *key)
{
	for (size_t i = 0; i < RUNNER_OPTION_COUNT; i++)
		if (str_eq(runner_option_table[i].key, key))
			return (int)i;
	BUG("no option %s", key);
}

/* A flag that the user did not give; stronger than file and environment, like one that they did. */
static void set_flag(struct exec *x, const char *key, const char *value)
{
	size_t i = (size_t)option_index(key);

	if (!x->args.text[i] && !x->args.other[i])
		x->args.text[i] = value;
}

/* Where local runs keep their state; a runner of this machine has its own. */
static char *state_base(void)
{
	const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return xasprintf("%s/shithubd-runner/exec", xdg);
	if (geteuid() == 0)
		return xstrdup("/var/lib/shithubd-runner-exec");
	return home && *home == '/' ? xasprintf("%s/.local/state/shithubd-runner/exec", home)
				    : xstrdup("/tmp/shithubd-runner-exec");
}

/* In /tmp another user could have made it first. 0711: root's step user passes it on the way to
 * its workspace. */
static int check_base(const char *base, struct err *e)
{
	CLEAN_FD int fd = dir_ensure_parents(base, 0711, e) < 0 ? -1 : dir_open(base, e);

	return fd < 0 || dir_check_own(fd, base, e) < 0 ? err_wrap(e, "state of local runs") : 0;
}

/* The first state folder that no other local run uses: what one that was killed left behind is
 * found again, and several can run at a time. */
static int own_state(struct exec *x, struct state_dir *state, struct err *e)
{
	const char *given = x->args.text[option_index("state_dir")];
	CLEAN_STR char *base = state_base();

	if (given)
		return state_dir_own(state, given, e);
	if (check_base(base, e) < 0)
		return -1;
	for (int i = 0; i < STATES_MAX; i++) {
		CLEAN_STR char *path = xasprintf("%s/%d", base, i);

		if (state_dir_own(state, path, e) == 0)
			return 0;
		state_dir_release(state);
		if (!err_is(e, ERR_CONFLICT))
			return -1;
		err_clear(e);
	}
	return err_set(e, ERR_CONFLICT, "%d local runs already use %s", STATES_MAX, base);
}

static size_t jobs_at_a_time(const struct exec *x)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (x->jobs > 0)
		return (size_t)x->jobs;
	return processors < 1 ? 1 : processors < JOBS_MAX ? (size_t)processors : JOBS_MAX;
}

static int run_configured(struct exec *x, const struct state_dir *state,
	const struct runner_config *config, const struct options *options)
{
	CLEANUP(strv_release) struct strv env = { 0 };
	struct local_run_spec spec = { .loop = x->loop,
		.config = config,
		.job_env = &env,
		.state = state,
		.plan = &x->plan,
		.repo = &x->repo,
		.artifact_dir = x->artifact_dir,
		.jobs = jobs_at_a_time(x),
		.live = x->jobs > 0 || isatty(STDOUT_FILENO),
		.color = x->color };
	struct err e = { 0 };
	int code;

	log_setup(config->runner.log_level, config->runner.log_format, STDERR_FILENO);
	runner_config_export(options, &env);
	role_pass_through(&env);
	if (local_repo_list(x->loop, &x->repo, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	if (local_history_make(x->loop, &x->repo, state->path, &e) < 0) {
		local_print_note("the steps get no .git: %s", e.text);
		err_clear(&e);
	}
	local_print_left_out(&x->repo.left_out);
	code = local_run(&spec, &e);
	local_history_remove(state->path);
	return e.class != ERR_NONE ? cli_fail(code, "%s", e.text) : code;
}

static int run_in(struct exec *x, const struct state_dir *state)
{
	CLEAN_STR char *workspaces = path_join(state->path, "workspaces");
	CLEAN_OPTIONS struct options options = { 0 };
	struct runner_config config = { 0 };
	int code;

	set_flag(x, "state_dir", state->path);
	set_flag(x, "workspace_root", workspaces);
	set_flag(x, "log_level", "warn");
	if (geteuid() != 0) /* only root can hand a workspace to another user */
		set_flag(x, "user", "auto");
	if (runner_config_load(&config, &options, &x->args, environ) < 0)
		code = runner_config_report(&options);
	else
		code = run_configured(x, state, &config, &options);
	runner_config_release(&config);
	return code;
}

static int run_plan(struct exec *x)
{
	struct state_dir state = STATE_DIR_INIT;
	struct err e = { 0 };
	int code;

	if (own_state(x, &state, &e) < 0)
		code = cli_fail(EXIT_FINDINGS, "%s", e.text);
	else
		code = run_in(x, &state);
	state_dir_release(&state);
	return code;
}

/* ---- life ---- */

static int exec(struct exec *x)
{
	struct err e = { 0 };
	int code;

	x->color = terminal_color(STDOUT_FILENO);
	if (find_repository(x, &e) < 0)
		return cli_fail(
			err_is(&e, ERR_NOT_FOUND) ? EXIT_USAGE : EXIT_FINDINGS, "%s", e.text);
	if (x->list)
		return list(x);
	if (local_files_find(root_of(x), x->workflow, &x->path, &x->shown, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	code = parse_file(x->path, x->shown, &x->w);
	if (code != EXIT_OK)
		return code;
	if (make_event(x, &e) < 0 || local_plan_make(&x->plan, &x->w, &x->choice, &x->ev, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	return x->dry_run ? print_plan(x) : run_plan(x);
}

/* The one short flag. */
static void spell_out(int argc, char **argv)
{
	static char dry_run[] = "--dry-run";

	for (int i = 1; i < argc && !str_eq(argv[i], "--"); i++)
		if (str_eq(argv[i], "-n"))
			argv[i] = dry_run;
}

static int parse(struct exec *x, int argc, char **argv)
{
	const struct cli_flag own[] = {
		{ "job", CLI_STRV, &x->choice.jobs, "KEY", "only this job and what it needs" },
		{ "jobs", CLI_INT, &x->jobs, "N",
			"how many jobs run at a time (default: the number of processors)", 1,
			JOBS_MAX },
		{ "event", CLI_STRING, &x->event, "NAME",
			"push, pull_request, workflow_dispatch or schedule" },
		{ "event-payload", CLI_STRING, &x->payload, "FILE", "the event as JSON" },
		{ "input", CLI_STRV, &x->inputs, "K=V", "input of workflow_dispatch" },
		{ "secret", CLI_STRV, &x->secrets, "K[=V]",
			"secret; without =VALUE, the value of environment variable K" },
		{ "secret-file", CLI_STRV, &x->secret_files, "FILE", "secrets as lines K=V" },
		{ "env", CLI_STRV, &x->env, "K=V", "environment of the jobs" },
		{ "var", CLI_STRV, &x->vars, "K=V", "variable of the vars context" },
		{ "matrix", CLI_STRV, &x->choice.matrix, "K=V", "only these combinations" },
		{ "artifact-dir", CLI_STRING, &x->artifact_dir, "DIR",
			"write uploaded artifacts to this folder as NAME.tar.gz" },
		{ "dry-run", CLI_BOOL, &x->dry_run, .help = "print the plan (also -n)" },
		{ "list", CLI_BOOL, &x->list, .help = "list workflows and their jobs" },
		{ "output", CLI_CHOICE, &x->output,
			.help = "form of --list and -n (default: table)", .words = cli_output_words,
			.old_words = cli_output_old_words },
	};
	char **rest;
	int n, rc;

	spell_out(argc, argv);
	rc = runner_args_parse_rest(
		&x->args, argc, argv, own, ARRAY_LEN(own), verb_exec_help, 1, &rest, &n);
	if (rc != 0)
		return rc;
	x->workflow = n > 0 ? rest[0] : NULL;
	return 0;
}

int verb_exec(int argc, char **argv)
{
	struct exec x = { .repo = LOCAL_REPO_INIT };
	int rc = parse(&x, argc, argv);
	int code = rc > 0 ? EXIT_OK : rc < 0 ? EXIT_USAGE : exec(&x);

	exec_release(&x);
	return code;
}
