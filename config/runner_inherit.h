/*
 * How a job process gets the supervisor's configuration: as environment variables of the resolved
 * values, so that a file that changes meanwhile does not split one runner into two configurations.
 * Nothing sensitive crosses: the registration token stays with the supervisor.
 */
#ifndef CONFIG_RUNNER_INHERIT_H
#define CONFIG_RUNNER_INHERIT_H

#include "config/runner_options.h"

/* Supervisor: adds one SHITHUB_RUNNER_SECTION__KEY=value for each set option. */
void runner_config_export(const struct options *o, struct strv *ret_env);
/* Job process: from environ alone, no file is read. */
int runner_config_inherit(struct runner_config *ret, struct err *e) CHECK_RESULT;

#endif
