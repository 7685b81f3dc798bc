/* `clean: false`: what an earlier checkout wrote goes, what others made stays. Tree writer only. */
#ifndef CHECKOUT_TREE_KEEP_H
#define CHECKOUT_TREE_KEEP_H

#include "base/err.h"

/* Removes from the current directory the files that its .git/index lists, the folders that this
 * empties, and .git itself. No .git: nothing to do. Links are never followed. */
int tree_forget(struct err *e) CHECK_RESULT;

#endif
