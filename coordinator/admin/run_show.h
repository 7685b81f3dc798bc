/* A run on the terminal. Internal to the run verbs. */
#ifndef COORDINATOR_ADMIN_RUN_SHOW_H
#define COORDINATOR_ADMIN_RUN_SHOW_H

#include "coordinator/view/run.h"

void run_view_print(const struct run_view *v, bool color);
/* Without what could steer a terminal: names are strangers'. */
void print_clean(const char *s, size_t n);
void print_note(const char *what, const char *text); /* an indented line; text NULL: nothing */

#endif
