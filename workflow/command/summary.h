/*
 * A step's summary in its log: what stands between the line `::group::Step summary` and the next
 * line `::endgroup::`, where a runner puts it as the protocol has no place for it. For who gets the
 * log in chunks and keeps nothing in memory between them: what is to be remembered is one short
 * text. Chunks may be cut anywhere: the result is the same.
 *
 * The log is hostile: a step may write such lines itself. That is its author's own summary, too.
 * Pure; time linear in the bytes.
 */
#ifndef WORKFLOW_COMMAND_SUMMARY_H
#define WORKFLOW_COMMAND_SUMMARY_H

#include "base/buf.h"

#define SUMMARY_TITLE "Step summary" /* the runner's word for it */
/* Bytes kept of one step's; as many again are never missed: it ends the page's patience earlier. */
#define SUMMARY_MAX ((size_t)64 << 10)
enum { SUMMARY_STATE_MAX = 40 };

/* Empty at the start of a log. */
struct summary_reader {
	struct buf state; /* at most SUMMARY_STATE_MAX bytes */
};
#define SUMMARY_READER_INIT                          \
	{                                            \
		.state = BUF_INIT(SUMMARY_STATE_MAX) \
	}
/* Adds what the chunk brings to *ret, as long as that takes it. */
void summary_read(struct summary_reader *r, struct slice chunk, struct buf *ret);

#endif
