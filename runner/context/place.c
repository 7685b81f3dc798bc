/*
 * Whoever made the job's folder removes it. With a journal it is the supervisor's: the folder must
 * outlive this process, so that the job can be reported after a crash. Without one it is ours. A
 * job that can only be reported as failed needs no folder, and a full or read-only disk may be the
 * reason why it can only be reported.
 */
#include "runner/context/place.h"

#include "base/log.h"

int job_place_open(struct job_place *p, const char *state_dir, int64_t job_id, struct err *e)
{
	p->job_id = job_id;
	if (state_dir_join(&p->state, state_dir, e) < 0)
		return -1;
	if (p->journal)
		p->dir = state_dir_job_path(&p->state, job_id);
	else if (p->local || !p->no_workspace)
		return state_dir_job_make(&p->state, job_id, &p->dir, e);
	return 0;
}

void job_place_release(struct job_place *p)
{
	struct err e = { 0 };

	if (p->dir && !p->journal && state_dir_job_remove(&p->state, p->job_id, &e) < 0)
		log_warn("job", "folder_kept", F_ERR(&e));
	state_dir_release(&p->state);
	free(p->dir);
	free(p->files);
	free(p->tools);
	free(p->workspace);
	free(p->own);
}
