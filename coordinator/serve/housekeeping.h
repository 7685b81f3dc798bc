/* What serve does every few seconds: its metrics, and if it leads, what of all serves one does. */
#ifndef COORDINATOR_SERVE_HOUSEKEEPING_H
#define COORDINATOR_SERVE_HOUSEKEEPING_H

#include "coordinator/app/app.h"

void housekeep(struct app *a, int64_t job_expiry_us);

#endif
