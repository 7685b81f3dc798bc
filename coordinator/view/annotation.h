/* Annotations as JSON: with the words of the field's API of check runs, and which job and step. */
#ifndef COORDINATOR_VIEW_ANNOTATION_H
#define COORDINATOR_VIEW_ANNOTATION_H

#include "base/json.h"
#include "coordinator/store/annotation.h"

void annotation_write(struct json_writer *w, const struct annotation_row *a); /* an object */
/* {"notice": 1, "warning": 0, "failure": 2, "dropped": 0} */
void kv_annotation_counts(
	struct json_writer *w, const char *key, const struct annotation_counts *c);

#endif
