/* `doctor`: what an operator would look at by hand (hygiene/doctor/doctor.h). */
#ifndef RUNNER_VERBS_DOCTOR_H
#define RUNNER_VERBS_DOCTOR_H

extern const char verb_doctor_help[];
int verb_doctor(int argc, char **argv);

#endif
