/* Exit codes of every verb (requirements: one table for all operators' tools). */
#ifndef BASE_EXITS_H
#define BASE_EXITS_H

#include "base/err.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_FINDINGS = 1,   /* it ran and found or hit something: a failed job or check, I/O */
	EXIT_USAGE = 2,      /* bad flag, bad configuration, bad input file */
	EXIT_REFUSED = 3,    /* understood and declined: token refused, not drained, lock held */
	EXIT_ESCALATE = 4,   /* a human must replace or repair something */
	EXIT_INCOMPLETE = 5, /* evidence could not be collected completely */
};

/* What an error that ends a verb means to its caller: the sender's fault is a usage error, a
 * refusal is one, everything else happened while it ran. */
enum exit_code exit_code(const struct err *e);

#endif
