/* What both halves of the checkout child use: their limits and the result they send. */
#ifndef CHECKOUT_ROLE_COMMON_H
#define CHECKOUT_ROLE_COMMON_H

#include "checkout/checkout.h"

/* Caps every process of the role: address space, open files, file size, CPU seconds, no core. */
int role_limits(bool writes_files, struct err *e) CHECK_RESULT;
/* Best effort: without a reader the role ends anyway. */
void role_send_result(int fd, const struct checkout_result *r);

#endif
