/* What a written tree says about its submodules. Tree writer only. */
#ifndef CHECKOUT_TREE_MODULES_H
#define CHECKOUT_TREE_MODULES_H

#include "checkout/checkout.h"
#include "checkout/tree_judge.h"

/* Every gitlink of the list with its name and URL, resolved against the repository's own; also set
 * in .git/config, so that git takes them for initialised. A gitlink that .gitmodules does not
 * explain is an error. */
int tree_modules(git_repository *repo, const struct tree_list *l, const char *base,
	struct submodule_list *ret, struct err *e) CHECK_RESULT;

#endif
