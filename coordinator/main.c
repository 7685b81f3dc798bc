/* `shithubd`: the verb table. */
#include "base/cli.h"
#include "base/log.h"
#include "coordinator/admin/actions.h"
#include "coordinator/admin/audit.h"
#include "coordinator/admin/backup.h"
#include "coordinator/admin/call.h"
#include "coordinator/admin/cleanup.h"
#include "coordinator/admin/rights/identity.h"
#include "coordinator/admin/rights/environment.h"
#include "coordinator/admin/hygiene.h"
#include "coordinator/admin/policy.h"
#include "coordinator/admin/rights/owner.h"
#include "coordinator/admin/preflight.h"
#include "coordinator/admin/repo.h"
#include "coordinator/admin/rights/repo_access.h"
#include "coordinator/admin/run.h"
#include "coordinator/admin/run_again.h"
#include "coordinator/admin/run_approve.h"
#include "coordinator/admin/run_list.h"
#include "coordinator/admin/run_log.h"
#include "coordinator/admin/run_watch.h"
#include "coordinator/admin/runner.h"
#include "coordinator/admin/runner_end.h"
#include "coordinator/admin/runner_jobs.h"
#include "coordinator/admin/runner_list.h"
#include "coordinator/admin/scope_doctor.h"
#include "coordinator/admin/rights/secret.h"
#include "coordinator/admin/rights/token.h"
#include "coordinator/admin/rights/user.h"
#include "coordinator/admin/version.h"
#include "coordinator/admin/webhook.h"
#include "coordinator/api/api.h"
#include "coordinator/doctor/doctor.h"
#include "coordinator/git/child.h"
#include "coordinator/move/verb.h"
#include "coordinator/serve/config.h"
#include "coordinator/serve/serve.h"

#define REPORT "[--data DIR] [--store STORE] [--output table|json]"
#define LIST "[--limit N] [--after ROW] " REPORT

/* Also below admin, where the hosted service has it. */
#define RUN_JOB                                                                            \
	{                                                                                  \
		"run-job", "maintenance: workflow:cleanup",                                \
			"workflow:cleanup [--keep-chunks-days 7] [--keep-runs-days 365]"   \
			" [--keep-tokens-days 30] [--keep-evidence-days 365] " REPORT,     \
			"Moves logs of old steps out of the store, removes expired "       \
			"artifacts, old runs that\n"                                       \
			"are not pinned, ids of used tokens and old evidence of hygiene. " \
			"Works while serve runs;\nfor a daily timer.",                     \
			verb_run_job                                                       \
	}

static const struct cli_verb runner_verbs[] = {
	{ "register", "add a runner and print its token",
		"NAME [--labels A,B] [--owner OWNER|--repo OWNER/NAME] [--capacity N]"
		" [--expires-in 24h] " REPORT,
		NULL, admin_runner_register },
	{ "list", "list runners and their state", "[--status WORD] [--label LABEL] " LIST, NULL,
		admin_runner_list },
	{ "show", "show one runner with its jobs", "ID " REPORT, NULL, admin_runner_show_one },
	{ "queue", "count queued jobs by the labels they ask for", "[--label LABEL] " LIST, NULL,
		admin_runner_queue },
	{ "drain", "give a runner no new jobs", "ID|--all [--reason TEXT] " REPORT, NULL,
		admin_runner_drain },
	{ "undrain", "give a drained runner jobs again", "ID|--all [--reason TEXT] " REPORT, NULL,
		admin_runner_undrain },
	{ "rotate-token", "replace a runner's registration token and print the new one",
		"ID [--expires-in 24h] " REPORT, NULL, admin_runner_rotate_token },
	{ "set-labels", "say which labels a runner may serve",
		"ID --labels A,B [--reason TEXT] " REPORT, NULL, admin_runner_set_labels },
	{ "revoke", "revoke the runner and all its tokens permanently, and end its jobs",
		"ID|--all [--reason TEXT] " REPORT, NULL, admin_runner_revoke },
	{ "scope-doctor", "find and repair a registration that has two scopes",
		"--name NAME --owner-id O --repo-id R [--check|--apply] [--db FILE]"
		" [--backup-dir DIR] [--reason TEXT] " REPORT,
		NULL, admin_runner_scope_doctor, .local = true },
	{ "cleanup-stale", "mark runners without heartbeats offline", "[--older-than 2m] " REPORT,
		NULL, admin_runner_cleanup_stale },
	{ "preflight", "check that enough runners are ready, and of one version",
		"[--expected-commit COMMIT] [--labels A,B] [--min-runners N]"
		" [--max-heartbeat-age 2m] " REPORT,
		NULL, admin_runner_preflight },
	{ "jobs", "list running jobs by runner", "[ID] " LIST, NULL, admin_runner_jobs },
	{ "recover-stale-jobs", "end the running jobs that a runner has no longer",
		"ID [--active-job-id ID]… --dry-run|--confirm " REPORT, NULL,
		admin_runner_recover_jobs },
	{ 0 },
};
static const struct cli_verb repo_verbs[] = {
	{ "add", "make a repository", "OWNER/NAME [--public] [--default-branch trunk] " REPORT,
		NULL, admin_repo_add },
	{ "list", "list repositories", "[--owner NAME] [--visibility WORD] " LIST, NULL,
		admin_repo_list },
	{ "show", "show one repository", "OWNER/NAME " REPORT, NULL, admin_repo_show },
	{ "badge-token", "make a token that shows the repository's badge alone",
		"--repo OWNER/NAME [--revoke] " REPORT, NULL, admin_repo_badge_token },
	{ "set", "change who may read a repository",
		"OWNER/NAME --visibility private|public " REPORT, NULL, admin_repo_set },
	{ "grant", "give a user a role on a repository",
		"OWNER/NAME LOGIN --role read|write|admin " REPORT, NULL, admin_repo_grant },
	{ "revoke", "take a user's role on a repository away", "OWNER/NAME LOGIN " REPORT, NULL,
		admin_repo_revoke },
	{ "access", "list who may what with a repository, and why", "OWNER/NAME " LIST, NULL,
		admin_repo_access },
	{ 0 },
};
static const struct cli_verb run_verbs[] = {
	{ "dispatch", "start a workflow by hand",
		"OWNER/NAME FILE [--ref REF] [--input K=V]… " REPORT, NULL, admin_run_dispatch },
	{ "list", "list runs, newest first",
		"[--repo OWNER/NAME] [--status STATUS] [--branch NAME] [--event EVENT] [--actor "
		"NAME] "
		"[--workflow NAME] " LIST,
		NULL, admin_run_list },
	{ "show", "show one run with its jobs and steps", "ID " REPORT, NULL, admin_run_show },
	{ "pin", "keep a run: retention does not delete it", "ID [--data DIR] [--store STORE]",
		NULL, admin_run_pin },
	{ "unpin", "let retention delete a pinned run again", "ID [--data DIR] [--store STORE]",
		NULL, admin_run_unpin },
	{ "log", "print the log of a run, job or step",
		"[ID] [--job JOB] [--step STEP] [--follow] [--data DIR] [--store STORE]", NULL,
		admin_run_log },
	{ "watch", "show a run as it changes, until it is over", "ID [--data DIR] [--store STORE]",
		NULL, admin_run_watch, .local = true },
	{ "explain", "say why the jobs of a run wait", "ID | --job ID " REPORT, NULL,
		admin_run_explain },
	{ "rerun", "run a finished run again, or a part of it", "ID [--failed] | --job ID " REPORT,
		NULL, admin_run_rerun },
	{ "approve", "let runs of an untrusted pull request's commit start",
		"ID [--reason TEXT] [--with-secrets] " REPORT, NULL, admin_run_approve },
	{ "cancel", "cancel a run's queued jobs and ask its running ones to stop",
		"ID [--data DIR] [--store STORE]", NULL, admin_run_cancel },
	{ 0 },
};
static const struct cli_verb token_verbs[] = {
	{ "create", "create a personal access token",
		"NAME [--user LOGIN] [--scopes repo:read,repo:write,repo:admin,admin]"
		" [--expires-in 30d] " REPORT,
		NULL, admin_token_create },
	{ "list", "list tokens, their expiry and last use", "[--user LOGIN] " LIST, NULL,
		admin_token_list },
	{ "revoke", "revoke a token permanently", "ID " REPORT, NULL, admin_token_revoke },
	{ 0 },
};
static const struct cli_verb user_verbs[] = {
	{ "add", "add a user", "LOGIN [--site-admin] " REPORT, NULL, admin_user_add },
	{ "list", "list users", LIST, NULL, admin_user_list },
	{ "show", "show a user and its tokens", "LOGIN " REPORT, NULL, admin_user_show },
	{ "disable", "end a user's sessions, refuse its tokens", "LOGIN " REPORT, NULL,
		admin_user_disable },
	{ "enable", "accept a disabled user's tokens again", "LOGIN " REPORT, NULL,
		admin_user_enable },
	{ "password", "let a user sign in at the pages", "LOGIN [--remove] " REPORT, NULL,
		admin_user_password },
	{ "link", "let a user sign in by the provider", "LOGIN [--subject SUBJECT] " REPORT, NULL,
		admin_user_link },
	{ "unlink", "end that", "LOGIN " REPORT, NULL, admin_user_unlink },
	{ "set-admin", "let a user do everything, or no longer", "LOGIN on|off " REPORT, NULL,
		admin_user_set_admin },
	{ 0 },
};
static const struct cli_verb member_verbs[] = {
	{ "set", "add a member to an organisation, or change its role",
		"NAME LOGIN [--role read|write|admin] " REPORT, NULL, admin_member_set },
	{ "remove", "remove a member from an organisation", "NAME LOGIN " REPORT, NULL,
		admin_member_remove },
	{ "list", "list an organisation's members", "NAME " LIST, NULL, admin_member_list },
	{ 0 },
};
static const struct cli_verb owner_verbs[] = {
	{ "add", "add an organisation", "NAME " REPORT, NULL, admin_owner_add },
	{ "list", "list organisations and users", LIST, NULL, admin_owner_list },
	{ "member", "manage an organisation's members", .sub = member_verbs },
	{ 0 },
};
#define SCOPE "--site|--owner OWNER|--repo OWNER/NAME [--environment NAME]"
static const struct cli_verb secret_verbs[] = {
	{ "set", "store a secret read from standard input",
		SCOPE " --name NAME [--data DIR] [--store STORE]", NULL, admin_secret_set },
	{ "list", "list the names of secrets, never their values", SCOPE " " LIST, NULL,
		admin_secret_list },
	{ "delete", "delete a secret", SCOPE " --name NAME [--data DIR] [--store STORE]", NULL,
		admin_secret_delete },
	{ 0 },
};
static const struct cli_verb variable_verbs[] = {
	{ "set", "store a variable read from standard input",
		SCOPE " --name NAME [--data DIR] [--store STORE]", NULL, admin_variable_set },
	{ "list", "list variables", SCOPE " " LIST, NULL, admin_variable_list },
	{ "delete", "delete a variable", SCOPE " --name NAME [--data DIR] [--store STORE]", NULL,
		admin_variable_delete },
	{ 0 },
};
static const struct cli_verb environment_verbs[] = {
	{ "set", "make an environment, or replace its rules",
		"--repo OWNER/NAME --name NAME [--reviewer LOGIN]… [--wait-minutes N]"
		" [--branches PATTERN]… [--data DIR] [--store STORE]",
		NULL, admin_environment_set },
	{ "list", "list environments and their rules", "--repo OWNER/NAME [--name NAME] " LIST,
		NULL, admin_environment_list },
	{ "delete", "delete an environment with its secrets and variables",
		"--repo OWNER/NAME --name NAME [--data DIR] [--store STORE]", NULL,
		admin_environment_delete },
	{ "approve", "let the jobs of a run that wait for an environment go on",
		"RUN --name NAME [--comment TEXT] [--data DIR] [--store STORE]", NULL,
		admin_environment_approve },
	{ "reject", "fail the jobs of a run that wait for an environment",
		"RUN --name NAME [--comment TEXT] [--data DIR] [--store STORE]", NULL,
		admin_environment_reject },
	{ 0 },
};
static const struct cli_verb hygiene_verbs[] = {
	{ "history", "list what runners did to their hosts, newest first",
		"[--host NAME] [--action ACTION] [--status STATUS] " LIST, NULL,
		admin_hygiene_history },
	{ 0 },
};
static const struct cli_verb webhook_verbs[] = {
	{ "set", "send changes of runs and jobs to a URL; the secret comes on standard input",
		"--repo OWNER/NAME|--site --to URL [--events LIST] [--forge] " REPORT, NULL,
		admin_webhook_set },
	{ "list", "list webhooks, and what waits for them", "[--repo OWNER/NAME] " LIST, NULL,
		admin_webhook_list },
	{ "deliveries", "list what a webhook was sent, newest first", "ID " LIST, NULL,
		admin_webhook_deliveries },
	{ "test", "send a ping (to a forge: ask for the repository) and say what became of it",
		"ID " REPORT, NULL, admin_webhook_test },
	{ "delete", "delete a webhook with all that waits for it",
		"ID [--data DIR] [--store STORE]", NULL, admin_webhook_delete },
	{ 0 },
};
#define POLICY_OF "[--owner OWNER|--repo OWNER/NAME] "
static const struct cli_verb policy_verbs[] = {
	{ "show", "show what holds for the site, an owner or a repository, and why",
		POLICY_OF REPORT, NULL, admin_policy_show },
	{ "set", "change a policy", "KEY=VALUE… " POLICY_OF "[--reason TEXT] " REPORT, NULL,
		admin_policy_set },
	{ "unset", "take settings of a policy back", "KEY… " POLICY_OF "[--reason TEXT] " REPORT,
		NULL, admin_policy_unset },
	{ 0 },
};
static const struct cli_verb actions_verbs[] = {
	{ "runner", "the same as `admin runner`", .sub = runner_verbs },
	{ "parse", "check workflow files", "FILE…", NULL, admin_actions_parse, .local = true },
	{ 0 },
};
static const struct cli_verb admin_verbs[] = {
	{ "runner", "manage runners", .sub = runner_verbs },
	RUN_JOB,
	{ "repo", "manage repositories", .sub = repo_verbs },
	{ "run", "manage workflow runs", .sub = run_verbs },
	{ "user", "manage users", .sub = user_verbs },
	{ "owner", "manage organisations", .sub = owner_verbs },
	{ "token", "manage personal access tokens", .sub = token_verbs },
	{ "secret", "manage secrets", .sub = secret_verbs },
	{ "variable", "manage variables", .sub = variable_verbs },
	{ "environment", "manage environments of repositories", .sub = environment_verbs },
	{ "hygiene", "list host hygiene records", .sub = hygiene_verbs },
	{ "webhook", "manage webhooks", .sub = webhook_verbs },
	{ "actions", "check workflow files", .sub = actions_verbs },
	{ "policy", "what site, owners and repositories allow", .sub = policy_verbs },
	{ "emergency-stop", "give no runner any new job", "--reason TEXT " REPORT, NULL,
		admin_emergency_stop },
	{ "resume", "end an emergency stop", "[--reason TEXT] " REPORT, NULL, admin_resume },
	{ "audit", "list who changed what, when and why; newest first",
		"[--since TIME] [--until TIME] [--target KIND[:ID]] " LIST, NULL,
		admin_audit_list },
	{ 0 },
};
static int admin_call_main(int argc, char **argv)
{
	return admin_call(argc, argv, admin_verbs);
}

static const struct cli_verb config_verbs[] = {
	{ "keys", "list what the configuration may hold, as a file to begin with",
		"[--output table|json]", NULL, serve_config_keys },
	{ 0 },
};
static const struct cli_verb store_verbs[] = {
	{ "copy", "copy all rows from SQLite to PostgreSQL, or back",
		"--from STORE --to STORE [--page-rows N] [--output table|json]", NULL,
		verb_store_copy },
	{ 0 },
};
static const struct cli_verb verbs[] = {
	{ "serve", "run the coordinator",
		"[--data DIR] [--listen HOST:PORT] [--public-url URL] [--config FILE]"
		" [--tls-cert-file FILE --tls-key-file FILE] [--job-expiry 20m]"
		" [--pages on|off] [--ready-file FILE]",
		NULL, verb_serve },
	{ "backup", "copy the data folder while serve runs",
		"DIR|--in FOLDER [--keep N] [--data DIR] [--store STORE] [--without-key] [--output "
		"table|json]",
		NULL, verb_backup },
	{ "restore", "make a data folder from a backup",
		"DIR --data DIR [--store STORE] [--root-key FILE] [--output table|json]", NULL,
		verb_restore },
	{ "doctor", "check data folder, store, certificate and machine",
		"[--config FILE] [--data DIR] [--store STORE] [--ca-file FILE] [--offline] "
		"[--verify-objects]"
		" [--output table|json]",
		NULL, coordinator_doctor },
	{ "migrate", "bring the store to this program's schema",
		"[--dry-run] [--data DIR] [--store STORE] [--output table|json]", NULL,
		verb_migrate },
	{ "store", "the coordinator's rows", .sub = store_verbs },
	RUN_JOB,
	{ "config", "the configuration of serve", .sub = config_verbs },
	{ "admin", "administer the coordinator of a data folder, or with --url one elsewhere",
		.sub = admin_verbs },
	{ "version", "print version, commit and libraries", "[--output table|json]", NULL,
		coordinator_version },
	{ ADMIN_CALL_VERB, "role: an admin verb for a caller elsewhere", .run = admin_call_main,
		.hidden = true },
	{ GIT_CHILD_VERB, "role: git for one request", .run = git_child_main, .hidden = true },
	{ 0 },
};

int main(int argc, char **argv)
{
	log_setup(LOG_INFO, LOG_TEXT, 2);
	return cli_main("shithubd", PROJECT_VERSION, verbs, argc, argv);
}
