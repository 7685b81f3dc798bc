/* `admin runner scope-doctor`: coordinator/store/scope_doctor.h says what it does. */
#ifndef COORDINATOR_ADMIN_SCOPE_DOCTOR_H
#define COORDINATOR_ADMIN_SCOPE_DOCTOR_H

int admin_runner_scope_doctor(int argc, char **argv);

#endif
