/* Where repositories are: in the data folder, or in a folder that several serves share. */
#ifndef COORDINATOR_SERVE_REPOSITORIES_H
#define COORDINATOR_SERVE_REPOSITORIES_H

#include "coordinator/app/app.h"
#include "coordinator/serve/config.h"

/* Makes <data>/repos a link to the folder of the configuration, if that names one. A folder that is
 * not there, or is another one than the other serves on the store have, is refused; so is one
 * beside repositories in the data folder. a->store is open. */
int repositories_begin(struct app *a, const struct serve_config *c, struct err *e) CHECK_RESULT;

#endif
