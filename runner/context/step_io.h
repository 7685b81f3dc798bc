/*
 * engine.step_io = auto, decided: asks step_io_probe once per engine and image and remembers the
 * answer in the state directory (`step_io`), because the probe costs a container. Job process.
 */
#ifndef RUNNER_CONTEXT_STEP_IO_H
#define RUNNER_CONTEXT_STEP_IO_H

#include "engine/step_box.h"

/* state_dir: where the answer is kept. Never STEP_IO_AUTO in *ret. */
int step_io_resolve(const struct box_job_spec *spec, const char *state_dir, enum step_io *ret,
	struct err *e) CHECK_RESULT;

#endif
