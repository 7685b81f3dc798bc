/* The .gitattributes of a tree, read from its objects. In the tree writer. */
#ifndef CHECKOUT_TREE_ATTRIBUTES_H
#define CHECKOUT_TREE_ATTRIBUTES_H

#include "checkout/attributes.h"
#include "checkout/tree_judge.h"

/* NULL with an error; they may not be larger than LIMIT_TREE_RULES together. */
struct attributes *tree_attributes(
	git_repository *repo, const struct tree_list *l, struct err *e) CHECK_RESULT;

#endif
