/* actions/checkout's inputs, made into what a checkout request says. Pure. docs/ACTIONS.md. */
#ifndef RUNNER_STEP_CHECKOUT_INPUTS_H
#define RUNNER_STEP_CHECKOUT_INPUTS_H

#include "checkout/checkout.h"

enum checkout_modules { MODULES_NONE, MODULES_DIRECT, MODULES_RECURSIVE };

struct checkout_inputs {
	char *ref;  /* a name; NULL: the job's commit, or sha */
	char *sha;  /* `ref` was a commit id */
	char *path; /* NULL: the workspace */
	int64_t depth;
	bool clean, tags;
	enum checkout_modules modules;
	/* as written; checked, then of no interest */
	char *repository, *server, *submodules;
};

/* url: the job's checkout URL, which says what "own repository" is. Release in any case. */
int checkout_inputs_read(const struct pairs *with, const char *url, struct checkout_inputs *ret,
	struct err *e) CHECK_RESULT;
void checkout_inputs_release(struct checkout_inputs *in);

#endif
