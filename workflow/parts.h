/* The parts workflow.c is put together from. Internal to the workflow parser. */
#ifndef WORKFLOW_PARTS_H
#define WORKFLOW_PARTS_H

#include "workflow/reader.h"
#include "workflow/workflow.h"

void read_on(struct reader *r, const struct yaml_node *n, void *target);   /* struct workflow_on */
void read_jobs(struct reader *r, const struct yaml_node *n, void *target); /* struct workflow */
void read_permissions(struct reader *r, const struct yaml_node *n, void *target);
void read_defaults(struct reader *r, const struct yaml_node *n, void *target);
void read_strategy(struct reader *r, const struct yaml_node *n, void *target);
void read_concurrency(struct reader *r, const struct yaml_node *n, void *target);
void concurrency_release(struct workflow_concurrency *c);
void on_release(struct workflow_on *on);
void jobs_release(struct workflow *w);
void permissions_release(struct workflow_permissions *p);
void defaults_release(struct workflow_run_defaults *d);

#endif
