/* `admin runner …`: registrations; listings are in runner_list.h, drain and revoke in runner_end.h.
 * Exit codes. */
#ifndef COORDINATOR_ADMIN_RUNNER_H
#define COORDINATOR_ADMIN_RUNNER_H

int admin_runner_register(int argc, char **argv);
int admin_runner_rotate_token(int argc, char **argv);
int admin_runner_set_labels(int argc, char **argv);
int admin_runner_cleanup_stale(int argc, char **argv);

#endif
