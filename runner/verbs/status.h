/* `shithubd-runner status`, and what it shares with `drain`. */
#ifndef RUNNER_VERBS_STATUS_H
#define RUNNER_VERBS_STATUS_H

#include "base/cli.h"
#include "base/json.h"
#include "runner/control/message.h"

extern const char verb_status_help[];
int verb_status(int argc, char **argv);

/* Which runner is meant. */
struct runner_choice {
	const char *config, *state_dir;
};
enum { RUNNER_CHOICE_FLAGS = 2 };
void runner_choice_flags(struct runner_choice *c, struct cli_flag flags[RUNNER_CHOICE_FLAGS]);
/* One call to it: EXIT_OK and its answer, or an exit code after a line on stderr. */
int runner_choice_call(const struct runner_choice *c, const struct control_request *r,
	struct json_doc **ret_answer) CHECK_RESULT;

#endif
