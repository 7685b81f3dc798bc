/* A thin client: the runner decides, and its refusal is printed in its own words. */
#include "runner/verbs/drain.h"

#include "runner/verbs/status.h"

const char verb_drain_help[] =
	"Makes the runner stop claiming jobs; running jobs finish. The runner stays up: --undo\n"
	"resumes, and a restart also ends the drain. A drained runner sends no heartbeats. A job "
	"that\n"
	"the coordinator hands out at this moment still runs.\n"
	"Exit codes: 0 done (with --wait: no job is running), 1 the runner did not answer, or "
	"exited\n"
	"during --wait, 2 bad usage or configuration, 3 no runner is running, this user may not "
	"ask\n"
	"it, it is stopping (--undo), or the drain was undone (--wait).";

int verb_drain(int argc, char **argv)
{
	struct runner_choice which = { 0 };
	struct control_request r = { .verb = CONTROL_DRAIN };
	bool undo = false;
	struct cli_flag flags[RUNNER_CHOICE_FLAGS + 3] = {
		{ .name = "wait",
			.kind = CLI_BOOL,
			.target = &r.wait,
			.help = "wait until no job is running" },
		{ .name = "cancel",
			.kind = CLI_BOOL,
			.target = &r.cancel,
			.help = "cancel the running jobs, with runner.stop_grace" },
		{ .name = "undo", .kind = CLI_BOOL, .target = &undo, .help = "claim jobs again" },
	};
	CLEAN_JSON struct json_doc *answer = NULL;
	char **rest;
	int n, rc;

	runner_choice_flags(&which, flags + 3);
	rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), verb_drain_help, 0, &rest, &n);
	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (undo && (r.wait || r.cancel))
		return cli_fail(EXIT_USAGE, "--undo: expected neither --wait nor --cancel");
	if (undo)
		r.verb = CONTROL_UNDRAIN;
	return runner_choice_call(&which, &r, &answer);
}
