/* `admin runner list`, `show` and `queue`: who is there and what waits. Exit codes. */
#ifndef COORDINATOR_ADMIN_RUNNER_LIST_H
#define COORDINATOR_ADMIN_RUNNER_LIST_H

int admin_runner_list(int argc, char **argv);
int admin_runner_show_one(int argc, char **argv);
int admin_runner_queue(int argc, char **argv);

#endif
