/*
 * Signs of life of a job process to its supervisor, over their channel: one message every
 * JOB_HEARTBEAT_US from the event loop, whatever the job does meanwhile. No message for
 * JOB_SILENCE_US means that the process hangs; whoever hears nothing that long may kill it. Other
 * messages count as well.
 */
#ifndef RUNNER_IPC_HEARTBEAT_H
#define RUNNER_IPC_HEARTBEAT_H

#include "base/loop.h"

#define JOB_HEARTBEAT_US (5 * USEC_PER_SEC)
#define JOB_SILENCE_US (60 * USEC_PER_SEC)

struct job_heartbeat;

/* The first one leaves at once. channel stays the caller's and must outlive the heartbeat. */
struct job_heartbeat *job_heartbeat_new(struct loop *l, int channel);
void job_heartbeat_free(struct job_heartbeat *h); /* NULL fine */

#endif
