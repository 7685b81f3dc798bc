/* Results of the hygiene verbs as text for people. */
#ifndef RUNNER_VERBS_HYGIENE_TEXT_H
#define RUNNER_VERBS_HYGIENE_TEXT_H

#include "base/terminal/style.h"
#include "hygiene/host/apply.h"

void hygiene_text_report(const struct host_report *r, struct buf *out);
void hygiene_text_plan(const struct hygiene_plan *p, struct buf *out);
void hygiene_text_outcome(const struct host_outcome *o, struct buf *out);
/* The first `limit` of them on standard output. */
void hygiene_text_history(const struct audit_list *l, size_t limit, struct terminal_style style);
void hygiene_json_outcome(const struct host_outcome *o, struct json_writer *w);
void hygiene_json_outbox(const struct outbox_count *c, struct json_writer *w);

#endif
