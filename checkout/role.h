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

#endif
