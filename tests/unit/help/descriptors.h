/* Descriptors of the test program: how many are open, and messages that carry too many. */
#ifndef TESTS_UNIT_HELP_DESCRIPTORS_H
#define TESTS_UNIT_HELP_DESCRIPTORS_H

#include <stddef.h>

/* A number that compares with itself: it counts the folder's own descriptor, too. */
int descriptors_open(void);
/* One packet with count (at most 8) copies of sock's descriptor. No sender of ours does that. */
void descriptors_send(int sock, const void *p, size_t n, size_t count);

#endif
