/*
 * The kinds of steps: a script in a box (step_script.c) and what `uses` names
 * (step_uses.c). Each
 * runs the step of job->index to its end on job->log and says how it went; interrupts come through
 * job_interrupt, which makes their waits return.
 */
#ifndef RUNNER_STEP_KINDS_H
#define RUNNER_STEP_KINDS_H

#include "runner/step_text.h"

enum outcome step_script(struct job *j, const struct step_text *t);
enum outcome step_uses(struct job *j, const struct step_text *t);
/* A script, or an action that looks into the image. */
bool step_wants_box(const struct step_spec *s);

/* The actions of step_uses.c, each in its use_*.c; inputs are t->with. */
enum outcome use_checkout(struct job *j, const struct step_text *t);
enum outcome use_setup_python(struct job *j, const struct step_text *t);
enum outcome use_upload_artifact(struct job *j, const struct step_text *t);
enum outcome use_download_artifact(struct job *j, const struct step_text *t);

#endif
