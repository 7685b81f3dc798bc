/*
 * The journal is read and written anew rather than appended to: it is small, changes twice in a
 * job's life, and file_replace makes each version whole. A journal that cannot be written costs
 * only the report after a crash, so the job goes on.
 */
#include "runner/context/journal.h"

#include "base/log.h"
#include "state/journal.h"

static void set_steps(struct journal *kept, const struct job_spec *spec)
{
	free(kept->steps.v);
	kept->steps.v = xcalloc(spec->steps.n, sizeof(*kept->steps.v));
	kept->steps.n = spec->steps.n;
	for (size_t i = 0; i < kept->steps.n; i++)
		kept->steps.v[i] = spec->steps.v[i].id;
}

static void rewrite(const struct job_place *p, const struct job_spec *spec, const char *cause)
{
	CLEANUP(journal_release) struct journal kept = { 0 };
	struct err e = { 0 };

	if (!p->journal || !spec)
		return;
	if (journal_read(p->dir, &kept, &e) == 0) {
		set_steps(&kept, spec);
		kept.started = true;
		if (cause && !kept.cause)
			kept.cause = xstrdup(cause);
		if (journal_write(p->dir, &kept, &e) == 0)
			return;
	}
	log_warn("job", "journal_not_written", F_ERR(&e));
}

void job_journal_started(const struct job_place *p, const struct job_spec *spec)
{
	rewrite(p, spec, NULL);
}

void job_journal_cause(const struct job_place *p, const struct job_spec *spec, const char *cause)
{
	rewrite(p, spec, cause);
}
