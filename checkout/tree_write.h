/* Writes a judged tree into the current directory and its index. Unless the list says keep, the
 * directory must be empty but for .git. */
#ifndef CHECKOUT_TREE_WRITE_H
#define CHECKOUT_TREE_WRITE_H

#include "checkout/tree_judge.h"

int tree_write(git_repository *repo, struct tree_list *l, struct err *e) CHECK_RESULT;

#endif
