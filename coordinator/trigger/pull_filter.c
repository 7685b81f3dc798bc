/* The difference is walked once for all files of a commit, and only if one of them asks. */
#include "coordinator/trigger/pull_filter.h"

void pull_filter_release(struct pull_filter *f)
{
	strv_release(&f->changed);
}

static int changes_read(struct pull_filter *f, struct err *e)
{
	if (f->changed_known)
		return 0;
	if (repo_changed(f->repo, NULL, f->head_sha, f->base_sha, &f->changed, &f->changed_all, e) <
		0)
		return -1;
	f->changed_known = true;
	return 0;
}

static int paths_pass(struct pull_filter *f, const struct filter *paths, bool *ret, struct err *e)
{
	if (changes_read(f, e) < 0)
		return -1;
	*ret = f->changed_all;
	strv_each (path, &f->changed)
		*ret = *ret || filter_passes(paths, path);
	return 0;
}

int pull_filter_passes(
	struct pull_filter *f, const struct workflow_pull_request *on, bool *ret, struct err *e)
{
	*ret = workflow_pull_wanted(on, f->action) && filter_passes(&on->branches, f->base);
	if (!*ret || !filter_given(&on->paths))
		return 0;
	return paths_pass(f, &on->paths, ret, e);
}
