/* Results of the hygiene verbs as text for people. */
#ifndef RUNNER_HYGIENE_TEXT_H
#define RUNNER_HYGIENE_TEXT_H

#include "hygiene/host_apply.h"

void hygiene_text_report(const struct host_report *r, struct buf *out);
void hygiene_text_plan(const struct hygiene_plan *p, struct buf *out);
void hygiene_text_outcome(const struct host_outcome *o, struct buf *out);
void hygiene_text_record(const struct audit_record *r, struct buf *out); /* one line */
void hygiene_json_outcome(const struct host_outcome *o, struct json_writer *w);
void hygiene_json_outbox(const struct outbox_count *c, struct json_writer *w);

#endif
