/* Writes a judged tree into the current directory, which must be empty but for .git, and its index.
 */
#ifndef CHECKOUT_TREE_WRITE_H
#define CHECKOUT_TREE_WRITE_H

#include "checkout/tree_judge.h"

int tree_write(git_repository *repo, struct tree_list *l, const git_oid *commit,
	struct err *e) CHECK_RESULT;

#endif
