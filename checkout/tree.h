/*
 * The repository half of a checkout, over libgit2: an empty repository in the current directory,
 * the pack indexed while it arrives, the tree judged, then written. Runs in the sandboxed tree
 * writer only, one at a time. Call order: open → append* → index → finish → free.
 *
 * libgit2 is told to read nothing of the host: no system or user configuration, no templates.
 */
#ifndef CHECKOUT_TREE_H
#define CHECKOUT_TREE_H

#include "checkout/message.h"

struct tree;
struct tree *tree_open(const struct checkout_request *r, struct err *e) CHECK_RESULT;
int tree_append(struct tree *t, const void *p, size_t n, struct err *e) CHECK_RESULT;
/* The pack is complete: received objects are counted, index written. */
int tree_index(struct tree *t, struct checkout_result *ret, struct err *e) CHECK_RESULT;
/* Judges and writes the tree, sets refs and HEAD. Counts and the commit's id go to *ret. */
int tree_finish(struct tree *t, const struct end_message *m, struct checkout_result *ret,
	struct err *e) CHECK_RESULT;
/* After finish, of a request that asked for them. */
/* A file whose working-tree-encoding could not be written, so that it has UTF-8; NULL: none. */
const char *tree_unencoded(const struct tree *t);
const struct submodule_list *tree_submodules(const struct tree *t);
void tree_free(struct tree *t); /* NULL fine */
static inline void tree_freep(struct tree **t)
{
	tree_free(*t);
	*t = NULL;
}

#endif
