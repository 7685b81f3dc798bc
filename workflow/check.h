/*
 * All expressions of a workflow file, checked when the file is read: syntax, functions, contexts
 * by the table of keys.h, and `needs.x` and `steps.x` that do not exist. Every problem is reported
 * with the line and column of the word that is wrong. Internal to the workflow parser.
 */
#ifndef WORKFLOW_CHECK_H
#define WORKFLOW_CHECK_H

#include "workflow/reader.h"

void check_expressions(struct reader *r, const struct yaml_doc *doc);

#endif
