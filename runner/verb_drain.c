/* See verb_drain.h. */
#include "runner/verb_drain.h"

#include "runner/verb_status.h"

const char verb_drain_help[] =
	"The runner claims no more jobs; running ones finish. It stays and can be told to go on "
	"with\n"
	"--undo; a restart also ends the drain. While drained it sends no heartbeats. A job that "
	"the\n"
	"coordinator hands out at this very moment is still run.\n"
	"Exit codes: 0 done (with --wait: no job runs any more), 1 it did not answer or ended "
	"while\n"
	"waited for, 2 bad usage or configuration, 3 no runner runs there, it may not be asked by\n"
	"this user, it is stopping (--undo), or somebody ended the drain (--wait).";

int verb_drain(int argc, char **argv)
{
	struct runner_choice which = { 0 };
	struct control_request r = { .verb = CONTROL_DRAIN };
	bool undo = false;
	struct cli_flag flags[RUNNER_CHOICE_FLAGS + 3] = {
		{ .name = "wait",
			.kind = CLI_BOOL,
			.target = &r.wait,
			.help = "until no job runs any more" },
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
