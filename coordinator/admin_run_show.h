/* A run on the terminal. Internal to the run verbs. */
#ifndef COORDINATOR_ADMIN_RUN_SHOW_H
#define COORDINATOR_ADMIN_RUN_SHOW_H

#include "coordinator/admin.h"
#include "coordinator/run_view.h"

int run_view_json(const struct run_view *v); /* exit codes */
int run_view_text(const struct run_view *v);
void run_print_line(const struct run_row *r); /* for lists */

#endif
