/*
 * The supervisor hears one conclusion. Progress ends before it; heartbeats go on, because removing
 * the last containers may take a while, and a process that hangs there must be noticed too.
 */
#include "runner/context/reports.h"

#include <stdio.h>

#include "base/log.h"
#include "runner/ipc/channel.h"

void job_reports_platform(struct job_reports *r, const struct err *why)
{
	struct channel_message m = { .type = CHANNEL_PLATFORM, .fd = -1 };
	struct err e = { 0 };

	r->hand_back = true;
	snprintf(m.text, sizeof(m.text), "%.*s", (int)sizeof(m.text) - 1, why->text);
	if (channel_send(r->channel, &m, &e) < 0)
		log_warn("job", "supervisor_gone", F_ERR(&e));
}

void job_reports_end(struct job_reports *r, const char *conclusion)
{
	struct channel_message m = { .type = CHANNEL_REPORT, .fd = -1 };
	struct err e = { 0 };

	progress_sender_free(TAKE(r->progress));
	snprintf(m.text, sizeof(m.text), "%s", conclusion);
	if (channel_send(r->channel, &m, &e) < 0)
		log_warn("job", "supervisor_gone", F_ERR(&e));
}

void job_reports_release(struct job_reports *r)
{
	job_heartbeat_free(TAKE(r->heartbeat));
	report_free(TAKE(r->report));
	mask_free(TAKE(r->mask));
}
