/* `admin run log`: what the steps of a run or job wrote. */
#ifndef COORDINATOR_ADMIN_RUN_LOG_H
#define COORDINATOR_ADMIN_RUN_LOG_H

#include "base/exits.h"
#include "coordinator/store/state.h"

int admin_run_log(int argc, char **argv);
/* Of a verb that waits for the end of something: 0 it went well or was skipped, 1 it did not. */
enum exit_code exit_of_conclusion(enum conclusion c);

#endif
