/* `admin environment …`: environments, their rules, and what operators decide about jobs that wait.
 * Each returns an exit code. */
#ifndef COORDINATOR_ADMIN_RIGHTS_ENVIRONMENT_H
#define COORDINATOR_ADMIN_RIGHTS_ENVIRONMENT_H

int admin_environment_set(int argc, char **argv);
int admin_environment_list(int argc, char **argv);
int admin_environment_delete(int argc, char **argv);
int admin_environment_approve(int argc, char **argv);
int admin_environment_reject(int argc, char **argv);

#endif
