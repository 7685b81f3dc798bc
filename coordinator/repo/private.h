/* Shared by read.c and commits.c. */
#ifndef COORDINATOR_REPO_PRIVATE_H
#define COORDINATOR_REPO_PRIVATE_H

#include <git2.h>

#include "coordinator/repo/repo.h"

struct repo {
	git_repository *git;
};

static inline void free_commit(git_commit **c)
{
	git_commit_free(*c);
}
void commit_info_fill(struct commit_info *ret, const git_commit *commit);

#endif
