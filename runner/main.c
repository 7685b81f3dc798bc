/* shithubd-runner: the verb table. Roles are hidden verbs of the same binary (runner/role.h). */
#include "artifact/artifact.h"
#include "base/cli.h"
#include "checkout/checkout.h"
#include "runner/disk_guard.h"
#include "runner/janitor.h"
#include "runner/job.h"
#include "runner/local_copy.h"
#include "runner/network_wall.h"
#include "runner/orphans.h"
#include "runner/recover.h"
#include "runner/verb_config.h"
#include "runner/verb_disk.h"
#include "runner/verb_doctor.h"
#include "runner/verb_drain.h"
#include "runner/verb_eval.h"
#include "runner/verb_exec.h"
#include "runner/verb_hygiene.h"
#include "runner/verb_mask.h"
#include "runner/verb_network.h"
#include "runner/verb_run.h"
#include "runner/verb_seccomp.h"
#include "runner/workspace_watch.h"
#include "runner/verb_status.h"
#include "runner/verb_workdir.h"

static const struct cli_verb config_verbs[] = {
	{ .name = "check",
		.summary = "print the resolved configuration and where each value comes from",
		.usage = "[--config FILE] [--output text|json] [flags of run]",
		.run = verb_config_check },
	{ 0 },
};

static const struct cli_verb seccomp_verbs[] = {
	{ .name = "print",
		.summary = "write the built-in seccomp profile of steps as the engine's JSON",
		.usage = "[--arch x86_64|aarch64]",
		.run = verb_seccomp_print },
	{ .name = "verify",
		.summary = "judge a profile: does it confine a step, can steps live with it?",
		.usage = "[--output text|json] FILE|-",
		.help = verb_seccomp_verify_help,
		.run = verb_seccomp_verify },
	{ 0 },
};

static const struct cli_verb disk_verbs[] = {
	{ .name = "guard",
		.summary = "make room by deleting what jobs left behind",
		.usage = "[--mode pre-job|nightly] [--dry-run] [--strict] [--host --instance "
			 "CONFIG…] [flags]",
		.help = verb_disk_guard_help,
		.run = verb_disk_guard },
	{ 0 },
};

static const struct cli_verb network_verbs[] = {
	{ .name = "up",
		.summary = "build the wall around the steps' network",
		.usage = "[--config FILE] [--dry-run] [--no-resolver] [--output text|json] [flags]",
		.run = verb_network_up },
	{ .name = "check",
		.summary = "prove each wall from inside a container",
		.usage = "[--config FILE] [--allowed NAME] [--refused NAME] [--output text|json] "
			 "[flags]",
		.run = verb_network_check },
	{ .name = "down",
		.summary = "remove the wall",
		.usage = "[--config FILE] [--dry-run] [--output text|json] [flags]",
		.run = verb_network_down },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ .name = "run",
		.summary = "claim jobs and run them",
		.usage = "[--config FILE] [--once] [flags]",
		.help = verb_run_help,
		.run = verb_run },
	{ .name = "status",
		.summary = "what the running runner does now",
		.usage = "[--output text|json] [--state-dir DIR | --config FILE]",
		.help = verb_status_help,
		.run = verb_status },
	{ .name = "drain",
		.summary = "have the running runner claim no more jobs, or go on",
		.usage = "[--wait] [--cancel] [--undo] [--state-dir DIR | --config FILE]",
		.help = verb_drain_help,
		.run = verb_drain },
	{ .name = "exec",
		.summary = "run a workflow of this repository here, without a coordinator",
		.usage =
			"[WORKFLOW] [--job KEY] [--event NAME] [--input K=V] [-n] [--list] [flags]",
		.help = verb_exec_help,
		.run = verb_exec },
	{ .name = "config", .summary = "look at the configuration", .sub = config_verbs },
	{ .name = "seccomp", .summary = "the seccomp profile of steps", .sub = seccomp_verbs },
	{ .name = "hygiene", .summary = "disk and engine of this host", .sub = hygiene_verbs },
	{ .name = "workdir", .summary = "contaminated workspaces", .sub = workdir_verbs },
	{ .name = "disk", .summary = "full disks", .sub = disk_verbs },
	{ .name = "doctor",
		.summary = "look at everything a runner needs",
		.usage = "[--offline] [--output text|json] [--config FILE] [flags of run]",
		.help = verb_doctor_help,
		.run = verb_doctor },
	{ .name = "network",
		.summary = "the wall around the steps' network",
		.sub = network_verbs },
	{ .name = "mask",
		.summary = "filter stdin to stdout with secret values masked",
		.usage = "--values-file FILE",
		.run = verb_mask },
	{ .name = "eval",
		.summary = "evaluate one expression of a workflow",
		.usage = "[--context FILE] [--status STATUS] EXPR",
		.help = verb_eval_help,
		.run = verb_eval },
	{ .name = "job", .summary = "role: one job", .run = job_role_main, .hidden = true },
	{ .name = "checkout",
		.summary = "role: one checkout",
		.run = checkout_role_main,
		.hidden = true },
	{ .name = "local-copy",
		.summary = "role: copy of a work tree",
		.run = local_copy_role_main,
		.hidden = true },
	{ .name = "artifact",
		.summary = "role: one artifact",
		.run = artifact_role_main,
		.hidden = true },
	{ .name = "recover",
		.summary = "role: a job whose process died",
		.run = recover_role_main,
		.hidden = true },
	{ .name = "orphans",
		.summary = "role: containers without a job",
		.run = orphans_role_main,
		.hidden = true },
	{ .name = "watch",
		.summary = "role: the size of one workspace",
		.run = watch_role_main,
		.hidden = true },
	{ .name = "network-wall",
		.summary = "role: one look at the wall",
		.run = network_wall_role_main,
		.hidden = true },
	{ .name = "disk-guard",
		.summary = "role: room on one runner's disks",
		.run = disk_guard_role_main,
		.hidden = true },
	{ .name = "janitor",
		.summary = "role: one workspace",
		.run = janitor_role_main,
		.hidden = true },
	{ 0 },
};

int main(int argc, char **argv)
{
	return cli_main("shithubd-runner", PROJECT_VERSION, verbs, argc, argv);
}
