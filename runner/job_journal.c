/* What a job writes down about itself, so that somebody else can report it when it dies. */
#include "runner/job.h"

#include "base/log.h"
#include "state/journal.h"

static void rewrite(struct job *j, const char *cause)
{
	CLEANUP(journal_release) struct journal kept = { 0 };
	struct err e = { 0 };

	if (!j->journal || !j->spec)
		return;
	if (journal_read(j->dir, &kept, &e) == 0) {
		free(kept.steps.v);
		kept.steps.v = xcalloc(j->spec->steps.n, sizeof(*kept.steps.v));
		kept.steps.n = j->spec->steps.n;
		for (size_t i = 0; i < kept.steps.n; i++)
			kept.steps.v[i] = j->spec->steps.v[i].id;
		kept.started = true;
		if (cause && !kept.cause)
			kept.cause = xstrdup(cause);
		if (journal_write(j->dir, &kept, &e) == 0)
			return;
	}
	log_warn("job", "journal_not_written", F_ERR(&e));
}

void job_journal_started(struct job *j)
{
	rewrite(j, NULL);
}

void job_journal_cause(struct job *j, const char *cause)
{
	rewrite(j, cause);
}
