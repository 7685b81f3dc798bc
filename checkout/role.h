/* The two halves of the checkout child; both end the process's work and return an exit code. */
#ifndef CHECKOUT_ROLE_H
#define CHECKOUT_ROLE_H

#include <sys/types.h>

#include "checkout/checkout.h"

enum { CHECKOUT_SOCKET = 3 };

/* Network, token, nothing writable. pack_fd: write end of the pack pipe; control: to the writer. */
int role_fetch(int job_fd, int pack_fd, int control, pid_t writer);
/* No network, no token, only the target folder writable. */
int role_write(int pack_fd, int control, int workspace);

/* Caps every process of the role: address space, open files, file size, CPU seconds, no core. */
int role_limits(bool writes_files, struct err *e) CHECK_RESULT;
/* Sends one line / one result; both are best effort: without a reader the role ends anyway. */
void role_send_line(int fd, const char *line);
void role_send_result(int fd, const struct checkout_result *r);

#endif
