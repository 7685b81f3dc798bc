/* The listening socket of the server. */
#ifndef COORDINATOR_HTTP_LISTEN_H
#define COORDINATOR_HTTP_LISTEN_H

#include <stddef.h>

#include "base/err.h"

/* "127.0.0.1:8080", "[::1]:0"; the descriptor, or -1 with an error that names the address. */
int listen_open(const char *text, struct err *e) CHECK_RESULT;
/* Where it really listens, in the same form. */
void listen_address(int fd, char *out, size_t n_out);

#endif
