/* Events of a stream as text (text/event-stream). What comes from a log or a row stands in them as
 * markup or JSON, so no byte of an author ends a line or begins an event. */
#ifndef COORDINATOR_PAGES_LOG_EVENT_H
#define COORDINATOR_PAGES_LOG_EVENT_H

#include "coordinator/pages/log/feed.h"

/* `lines`: from and to, and the markup of line_html_flat. */
void event_lines(struct buf *out, const struct log_place *to, int64_t from, struct slice markup);
/* `job` and `step`: their states. */
void event_job(struct buf *out, const struct job_row *job);
void event_step(struct buf *out, const struct step_row *step);
/* `reset`: the job is run anew, its lines begin with the first one. */
void event_reset(struct buf *out, const struct log_place *to);
/* `end`: the job is over. Who comes again with its id hears 204. */
void event_end(struct buf *out, int64_t returns);

#endif
