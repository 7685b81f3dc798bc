/* May this tree be written? Looks at every entry before the first file is made; never writes. */
#ifndef CHECKOUT_TREE_JUDGE_H
#define CHECKOUT_TREE_JUDGE_H

#include <git2.h>

#include "base/err.h"

/* What is to be written, in the order of the tree: folders stand before what they hold. Entries own
 * their path; file_size is the size of the content, at most UINT32_MAX, until the entry is written,
 * which fills all file system fields. */
struct tree_list {
	git_index_entry *v;
	size_t n, cap;
	uint64_t files;  /* regular files and links */
	bool attributes; /* some .gitattributes may change contents on their way out */
	char *unencoded; /* a path whose working-tree-encoding could not be written; NULL: none */
	bool keep;       /* what stands in the way is replaced, unless it is a folder of others */
};
void tree_list_release(struct tree_list *l);

/* Reads the commit's tree into *ret (released by the caller in any case) or refuses it. */
int tree_judge(git_repository *repo, const git_commit *commit, struct tree_list *ret,
	struct err *e) CHECK_RESULT;
/* Would some file system take this name for .git? Case, trailing dots and blanks, streams, short
 * names, invisible characters. */
bool name_is_dot_git(const char *name);

/* The library's last error after `what`, with the class that tells who is to blame. Returns -1. */
int git_fail(struct err *e, const char *what);

#endif
