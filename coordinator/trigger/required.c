/* Files are told apart by their path, jobs by their key: what is renamed is missing. */
#include "coordinator/trigger/required.h"

static void gap_release(struct required_gap *g)
{
	free(g->file);
	free(g->name);
	strv_release(&g->lines);
}

void required_gaps_release(struct required_gaps *g)
{
	for (size_t i = 0; i < g->n; i++)
		gap_release(&g->v[i]);
	free(g->v);
	*g = (struct required_gaps){ 0 };
}

static const struct repo_file *find_file(const struct repo_files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (str_eq(files->v[i].path, path))
			return &files->v[i];
	return NULL;
}

static bool parse(const struct repo_file *f, struct workflow *ret)
{
	CLEANUP(strv_release) struct strv problems = { 0 };

	return workflow_parse(f->path, f->data, f->len, ret, &problems) == 0;
}

static void compare_jobs(const struct workflow *base, const struct workflow *head,
	const struct pull_filter *f, struct required_gap *ret)
{
	for (size_t i = 0; i < base->n_jobs; i++)
		if (!workflow_job_find(head, base->jobs[i].key))
			strv_addf(&ret->lines,
				"%s: jobs.%s: the base branch %s requires this job, it is missing "
				"in the head",
				ret->file, base->jobs[i].key, f->base);
}

static int compare_files(const struct workflow *base, const struct repo_file *head,
	struct pull_filter *f, struct required_gap *ret, struct err *e)
{
	CLEAN_WORKFLOW struct workflow w = { 0 };
	bool wanted = false;

	if (!head) {
		strv_addf(&ret->lines,
			"%s: the base branch %s requires this workflow, it is missing in the head",
			ret->file, f->base);
		return 0;
	}
	if (!parse(head, &w))
		return 0;
	if (pull_filter_passes(f, &w.on.pull_request, &wanted, e) < 0)
		return -1;
	if (wanted)
		compare_jobs(base, &w, f, ret);
	else
		strv_addf(&ret->lines,
			"%s: the base branch %s requires this workflow, the head's does not run "
			"for this event",
			ret->file, f->base);
	return 0;
}

static int check_file(const struct repo_file *base, const struct repo_files *head,
	struct pull_filter *f, struct required_gaps *ret, struct err *e)
{
	CLEAN_WORKFLOW struct workflow w = { 0 };
	bool wanted = false;

	if (!parse(base, &w))
		return 0;
	if (pull_filter_passes(f, &w.on.pull_request, &wanted, e) < 0)
		return -1;
	if (!wanted)
		return 0;
	struct required_gap gap = { .file = xstrdup(base->path),
		.name = xasprintf("%s (required by %s)", w.name ? w.name : base->path, f->base) };
	int rc = compare_files(&w, find_file(head, base->path), f, &gap, e);
	if (rc < 0 || !gap.lines.n) {
		gap_release(&gap);
		return rc;
	}
	ret->v = xrealloc(ret->v, (ret->n + 1) * sizeof(*ret->v));
	ret->v[ret->n++] = gap;
	return 0;
}

int required_gaps_find(const struct repo_files *base, const struct repo_files *head,
	struct pull_filter *f, struct required_gaps *ret, struct err *e)
{
	for (size_t i = 0; i < base->n; i++)
		if (check_file(&base->v[i], head, f, ret, e) < 0)
			return -1;
	return 0;
}
