/*
 * shithubd-runner: the verb table. Roles are hidden verbs of the same binary (runner/ipc/role.h):
 * one file to install, and a role can never be of another version than its supervisor.
 */
#include "artifact/artifact.h"
#include "base/cli.h"
#include "checkout/checkout.h"
#include "runner/helper/disk_guard.h"
#include "runner/helper/janitor.h"
#include "runner/job/job.h"
#include "runner/helper/local_copy.h"
#include "runner/helper/egress_firewall.h"
#include "runner/helper/orphans.h"
#include "runner/helper/probe.h"
#include "runner/job/recover.h"
#include "runner/verbs/config.h"
#include "runner/verbs/disk.h"
#include "runner/verbs/disk_quota.h"
#include "runner/verbs/doctor.h"
#include "runner/verbs/drain.h"
#include "runner/verbs/eval.h"
#include "runner/verbs/exec.h"
#include "runner/verbs/hygiene.h"
#include "runner/verbs/mask.h"
#include "runner/verbs/network.h"
#include "runner/verbs/run.h"
#include "runner/verbs/seccomp.h"
#include "runner/helper/workspace_watch.h"
#include "runner/verbs/status.h"
#include "runner/verbs/version.h"
#include "runner/verbs/workdir.h"

static const struct cli_verb config_verbs[] = {
	{ .name = "check",
		.summary = "print the resolved configuration and where each value comes from",
		.usage = "[--config FILE] [--output table|json] [flags of run]",
		.run = verb_config_check },
	{ .name = "keys",
		.summary = "list what the configuration may hold, as a file to begin with",
		.usage = "[--output table|json]",
		.run = verb_config_keys },
	{ 0 },
};

static const struct cli_verb seccomp_verbs[] = {
	{ .name = "print",
		.summary = "write the built-in seccomp profile of steps as the engine's JSON",
		.usage = "[--arch x86_64|aarch64]",
		.run = verb_seccomp_print },
	{ .name = "verify",
		.summary = "verify that a profile confines steps and still lets them run",
		.usage = "[--output table|json] FILE|-",
		.help = verb_seccomp_verify_help,
		.run = verb_seccomp_verify },
	{ 0 },
};

static const struct cli_verb disk_verbs[] = {
	{ .name = "guard",
		.summary = "free disk space by deleting left-over workspaces",
		.usage = "[--mode pre-job|nightly] [--dry-run] [--strict] [--host --instance "
			 "CONFIG…] [flags]",
		.help = verb_disk_guard_help,
		.run = verb_disk_guard },
	{ .name = "quota",
		.summary = "set the limits of runner.project_ids on the disk of the workspaces",
		.usage = "[--config FILE] [flags]",
		.help = verb_disk_quota_help,
		.run = verb_disk_quota },
	{ 0 },
};

static const struct cli_verb network_verbs[] = {
	{ .name = "up",
		.summary = "set up the egress firewall for the steps' network",
		.usage =
			"[--config FILE] [--dry-run] [--no-resolver] [--output table|json] [flags]",
		.run = verb_network_up },
	{ .name = "check",
		.summary = "test each rule of the egress firewall from inside a container",
		.usage = "[--config FILE] [--allowed NAME] [--refused NAME] [--output table|json] "
			 "[flags]",
		.run = verb_network_check },
	{ .name = "down",
		.summary = "remove the egress firewall",
		.usage = "[--config FILE] [--dry-run] [--output table|json] [flags]",
		.run = verb_network_down },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ .name = "run",
		.summary = "claim jobs and run them",
		.usage = "[--config FILE] [--once] [--exit-on-refusal] [flags]",
		.help = verb_run_help,
		.run = verb_run },
	{ .name = "status",
		.summary = "show what the running runner is doing",
		.usage = "[--output table|json] [--state-dir DIR | --config FILE]",
		.help = verb_status_help,
		.run = verb_status },
	{ .name = "drain",
		.summary = "make the running runner stop claiming jobs, or resume",
		.usage = "[--wait] [--cancel] [--undo] [--state-dir DIR | --config FILE]",
		.help = verb_drain_help,
		.run = verb_drain },
	{ .name = "exec",
		.summary = "run a workflow of this repository here, without a coordinator",
		.usage =
			"[WORKFLOW] [--job KEY] [--event NAME] [--input K=V] [-n] [--list] [flags]",
		.help = verb_exec_help,
		.run = verb_exec },
	{ .name = "config", .summary = "check the configuration", .sub = config_verbs },
	{ .name = "seccomp", .summary = "the seccomp profile of steps", .sub = seccomp_verbs },
	{ .name = "hygiene", .summary = "disk and engine of this host", .sub = hygiene_verbs },
	{ .name = "workdir", .summary = "contaminated workspaces", .sub = workdir_verbs },
	{ .name = "disk", .summary = "full disks", .sub = disk_verbs },
	{ .name = "doctor",
		.summary = "check everything the runner needs",
		.usage = "[--offline] [--output table|json] [--config FILE] [flags of run]",
		.help = verb_doctor_help,
		.run = verb_doctor },
	{ .name = "network",
		.summary = "the egress firewall of the steps' network",
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
	{ .name = "version",
		.summary = "print version, commit and libraries",
		.usage = "[--output table|json]",
		.run = verb_version },
	{ .name = "job", .summary = "role: one job", .run = job_role_main, .hidden = true },
	{ .name = "checkout",
		.summary = "role: one checkout",
		.run = checkout_role_main,
		.hidden = true },
	{ .name = "local-copy",
		.summary = "role: copies a work tree",
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
	{ .name = "egress-firewall",
		.summary = "role: one check of the egress firewall",
		.run = egress_firewall_role_main,
		.hidden = true },
	{ .name = "disk-guard",
		.summary = "role: the disk guard of one runner",
		.run = disk_guard_role_main,
		.hidden = true },
	{ .name = "probe",
		.summary = "role: what a job needs of this machine",
		.run = probe_role_main,
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
