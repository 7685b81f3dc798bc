/*
 * The wire between supervisor and job process: a SOCK_SEQPACKET pair, one typed message a packet,
 * at most CHANNEL_TEXT bytes of text or one struct progress, and one descriptor. The job asks, the
 * supervisor re-validates; a malformed or untimely message makes the supervisor kill the job
 * process.
 */
#ifndef RUNNER_IPC_CHANNEL_H
#define RUNNER_IPC_CHANNEL_H

#include "base/err.h"
#include "runner/ipc/progress.h"

enum { CHANNEL_TEXT = 256 };

enum channel_type {
	/* job → supervisor */
	CHANNEL_ROLE = 1,  /* text: "checkout" or "artifact", the child to start as the step user;
			    * fd: the socket it shall serve as its descriptor 3 */
	CHANNEL_REPORT,    /* text: conclusion of the job, or "lost"; once, before the end */
	CHANNEL_PROGRESS,  /* progress: see progress.h */
	CHANNEL_HEARTBEAT, /* nothing: the job process is alive and its loop turns (heartbeat.h) */
	CHANNEL_PLATFORM,  /* text: why this machine could not run the job; before the report */
};

struct channel_message {
	enum channel_type type;
	int fd; /* -1: none; receiver owns it */
	union {
		char text[CHANNEL_TEXT];
		struct progress
			progress; /* CHANNEL_PROGRESS; its values are the receiver's to check */
	};
};

int channel_send(int sock, const struct channel_message *m, struct err *e) CHECK_RESULT;
/* 1 message, 0 peer closed, -1 malformed or I/O error. Non-blocking sockets: ERR_TIMEOUT if empty.
 */
int channel_receive(int sock, struct channel_message *ret, struct err *e) CHECK_RESULT;
/* Job: asks for a role; returns our end of its socket (SOCK_STREAM). */
int channel_start_role(int sock, const char *role, struct err *e) CHECK_RESULT;

#endif
