/*
 * One message over a UNIX socket, with at most one descriptor beside its bytes. Both calls set
 * errno and say nothing else: each protocol has its own words for a failure.
 */
#ifndef BASE_MESSAGE_PASS_FD_H
#define BASE_MESSAGE_PASS_FD_H

#include <sys/types.h>

#include "base/util.h"

/* As send(2), never with SIGPIPE. fd -1: bytes alone; else it leaves with the first byte and stays
 * the caller's too. Bytes sent, or -1; the caller repeats after EINTR. */
ssize_t pass_fd_send(int sock, const void *p, size_t n, int fd, int flags) CHECK_RESULT;

/* As recv(2). *ret_fd: the descriptor that came, close-on-exec and the caller's, or -1, also on
 * failure. -1 with EMSGSIZE: a packet longer than n; with EPROTO: more than one descriptor.
 * Whatever came with a refused message is closed here. */
ssize_t pass_fd_receive(int sock, void *p, size_t n, int flags, int *ret_fd) CHECK_RESULT;

#endif
