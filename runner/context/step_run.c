/*
 * Records of steps live as long as the job. A record without an open log has descriptor -1 in its
 * spool, so that release works on every record, whether its step ran or not.
 */
#include "runner/context/step_run.h"

#include "base/limits.h"

struct step_run *step_runs_new(size_t n)
{
	struct step_run *v = xcalloc(n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i].log.spool.fd = -1;
	return v;
}

void step_runs_free(struct step_run *v, size_t n, bool leave_logs)
{
	for (size_t i = 0; v && i < n; i++) {
		if (leave_logs)
			spool_leave(&v[i].log.spool);
		step_log_release(&v[i].log);
		pairs_release(&v[i].outputs);
	}
	free(v);
}

void step_run_skip(struct step_run *r)
{
	r->ended = true;
	r->outcome = r->conclusion = OUTCOME_SKIPPED;
}

int step_run_output(struct step_run *r, const char *key, struct slice value, struct err *e)
{
	size_t bytes = strlen(key) + value.len;

	if (r->output_bytes + bytes > LIMIT_COMMAND_FILE || r->outputs.n >= LIMIT_ENV_COUNT)
		return err_set(e, ERR_LIMIT,
			"output %s: the step's outputs are larger than %zu bytes", key,
			LIMIT_COMMAND_FILE);
	r->output_bytes += bytes;
	pairs_set_n(&r->outputs, key, value.ptr, value.len);
	return 0;
}
