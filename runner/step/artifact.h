/*
 * shithub/upload-artifact and shithub/download-artifact (docs/ACTIONS.md); their inputs are
 * t->with. Job process.
 */
#ifndef RUNNER_STEP_ARTIFACT_H
#define RUNNER_STEP_ARTIFACT_H

#include "runner/context/text.h"

enum outcome use_upload_artifact(struct job *j, const struct step_text *t);
enum outcome use_download_artifact(struct job *j, const struct step_text *t);

#endif
