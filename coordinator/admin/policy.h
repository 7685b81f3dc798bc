/* `admin policy …` and the emergency stop (coordinator/queue/policy.h). */
#ifndef COORDINATOR_ADMIN_POLICY_H
#define COORDINATOR_ADMIN_POLICY_H

int admin_policy_show(int argc, char **argv);
int admin_policy_set(int argc, char **argv);
int admin_policy_unset(int argc, char **argv);
int admin_emergency_stop(int argc, char **argv);
int admin_resume(int argc, char **argv);

#endif
