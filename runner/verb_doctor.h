/* `doctor`: what an operator would look at by hand (hygiene/doctor.h). */
#ifndef RUNNER_VERB_DOCTOR_H
#define RUNNER_VERB_DOCTOR_H

extern const char verb_doctor_help[];
int verb_doctor(int argc, char **argv);

#endif
