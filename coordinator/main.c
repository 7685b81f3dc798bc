/* `shithubd`: the verb table. */
#include "base/cli.h"
#include "base/log.h"
#include "coordinator/admin_actions.h"
#include "coordinator/admin_hygiene.h"
#include "coordinator/admin_repo.h"
#include "coordinator/admin_run.h"
#include "coordinator/admin_verbs.h"
#include "coordinator/retention.h"

#define REPORT "[--data DIR] [--output text|json]"

static const struct cli_verb runner_verbs[] = {
	{ "register", "add a runner and print its token",
		"--name NAME [--labels A,B] [--capacity N] [--expires-in 24h] " REPORT, NULL,
		admin_runner_register },
	{ "list", "runners and their state", REPORT, NULL, admin_runner_list },
	{ "queue", "queued jobs by the labels they ask for", REPORT, NULL, admin_runner_queue },
	{ "drain", "give it no new jobs", "--id N [--reason TEXT] " REPORT, NULL,
		admin_runner_drain },
	{ "undrain", "give it jobs again", "--id N " REPORT, NULL, admin_runner_undrain },
	{ "rotate-token", "replace its registration token and print the new one",
		"--id N [--expires-in 24h] " REPORT, NULL, admin_runner_rotate_token },
	{ "revoke", "shut it out for good, with every token it has",
		"--id N [--reason TEXT] " REPORT, NULL, admin_runner_revoke },
	{ "cleanup-stale", "mark runners without heartbeats offline",
		"[--older-than 2m] [--data DIR]", NULL, admin_runner_cleanup_stale },
	{ 0 },
};
static const struct cli_verb repo_verbs[] = {
	{ "add", "make a repository", "OWNER/NAME [--private] [--default-branch trunk] " REPORT,
		NULL, admin_repo_add },
	{ "list", "repositories", REPORT, NULL, admin_repo_list },
	{ 0 },
};
static const struct cli_verb run_verbs[] = {
	{ "dispatch", "start a workflow by hand",
		"--repo OWNER/NAME --workflow FILE [--ref REF] [--input K=V]… " REPORT, NULL,
		admin_run_dispatch },
	{ "list", "runs, newest first", "[--repo OWNER/NAME] " REPORT, NULL, admin_run_list },
	{ "show", "one run with its jobs and steps", "--id N " REPORT, NULL, admin_run_show },
	{ "pin", "keep a run for ever", "--id N [--data DIR]", NULL, admin_run_pin },
	{ "unpin", "let retention have a run", "--id N [--data DIR]", NULL, admin_run_unpin },
	{ "log", "a job's or step's log as stored", "--job ID [--step INDEX] [--data DIR]", NULL,
		admin_run_log },
	{ "cancel", "cancel a run's queued jobs and ask its running ones to stop",
		"--id N [--data DIR]", NULL, admin_run_cancel },
	{ 0 },
};
static const struct cli_verb token_verbs[] = {
	{ "create", "a personal access token",
		"--name NAME [--scopes repo:read,repo:write] [--expires-in 30d] " REPORT, NULL,
		admin_token_create },
	{ 0 },
};
static const struct cli_verb secret_verbs[] = {
	{ "set", "store a secret read from standard input",
		"--repo OWNER/NAME --name NAME [--data DIR]", NULL, admin_secret_set },
	{ 0 },
};
static const struct cli_verb variable_verbs[] = {
	{ "set", "store a variable read from standard input",
		"--repo OWNER/NAME --name NAME [--data DIR]", NULL, admin_variable_set },
	{ 0 },
};
static const struct cli_verb hygiene_verbs[] = {
	{ "history", "what runners did to their hosts, newest first",
		"[--host NAME] [--limit 25] " REPORT, NULL, admin_hygiene_history },
	{ 0 },
};
static const struct cli_verb actions_verbs[] = {
	{ "parse", "check workflow files", "FILE…", NULL, admin_actions_parse },
	{ 0 },
};
static const struct cli_verb admin_verbs[] = {
	{ "runner", "the pool of runners", .sub = runner_verbs },
	{ "repo", "repositories", .sub = repo_verbs },
	{ "run", "workflow runs", .sub = run_verbs },
	{ "token", "personal access tokens", .sub = token_verbs },
	{ "secret", "secrets of repositories", .sub = secret_verbs },
	{ "variable", "variables of repositories", .sub = variable_verbs },
	{ "hygiene", "evidence of host hygiene", .sub = hygiene_verbs },
	{ "actions", "workflow files", .sub = actions_verbs },
	{ 0 },
};
static const struct cli_verb verbs[] = {
	{ "serve", "run the coordinator",
		"[--data DIR] [--listen HOST:PORT] [--public-url URL] [--config FILE]"
		" [--job-expiry 20m] [--ready-file FILE]",
		NULL, verb_serve },
	{ "run-job", "maintenance: workflow:cleanup",
		"workflow:cleanup [--keep-chunks-days 7] [--keep-runs-days 365]"
		" [--keep-tokens-days 30] " REPORT,
		"Moves logs of old steps out of the store, removes expired artifacts, old runs "
		"that\n"
		"are not pinned, and ids of used tokens. Works while serve runs; for a daily "
		"timer.",
		verb_run_job },
	{ "admin", "work on the data folder, also while serve runs", .sub = admin_verbs },
	{ 0 },
};

int main(int argc, char **argv)
{
	log_setup(LOG_INFO, LOG_TEXT, 2);
	return cli_main("shithubd", PROJECT_VERSION, verbs, argc, argv);
}
