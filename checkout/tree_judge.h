/* May this tree be written? Looks at every entry before the first file is made; never writes. */
#ifndef CHECKOUT_TREE_JUDGE_H
#define CHECKOUT_TREE_JUDGE_H

#include <git2.h>

#include "base/err.h"

int tree_judge(git_repository *repo, const git_commit *commit, uint64_t *ret_files,
	struct err *e) CHECK_RESULT;

#endif
