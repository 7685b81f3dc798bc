/* Reading steps. report.c writes their states, log.c their logs' sizes, retired.c what is archived.
 */
#include "coordinator/store/step.h"

#include "coordinator/store/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, step_row, id),
	COLUMN("job_id", COLUMN_INT, step_row, job_id),
	COLUMN("position", COLUMN_INT, step_row, index),
	COLUMN("timeout_minutes", COLUMN_INT, step_row, timeout_minutes),
	COLUMN("log_bytes", COLUMN_INT, step_row, log_bytes),
	COLUMN("step_id", COLUMN_TEXT, step_row, step_id),
	COLUMN("name", COLUMN_TEXT, step_row, name),
	COLUMN("if_cond", COLUMN_TEXT, step_row, cond),
	COLUMN("run", COLUMN_TEXT, step_row, run),
	COLUMN("uses", COLUMN_TEXT, step_row, uses),
	COLUMN("working_directory", COLUMN_TEXT, step_row, working_directory),
	COLUMN("shell", COLUMN_TEXT, step_row, shell),
	COLUMN("continue_on_error", COLUMN_BOOL, step_row, continue_on_error),
	COLUMN("timeout_expression", COLUMN_TEXT, step_row, timeout_expression),
	COLUMN("continue_expression", COLUMN_TEXT, step_row, continue_expression),
	COLUMN("env", COLUMN_PAIRS, step_row, env),
	COLUMN("with_args", COLUMN_PAIRS, step_row, with),
	COLUMN("status", COLUMN_STATUS, step_row, state.status),
	COLUMN("conclusion", COLUMN_CONCLUSION, step_row, state.conclusion),
	COLUMN("started_at", COLUMN_WALL, step_row, started_at),
	COLUMN("completed_at", COLUMN_WALL, step_row, completed_at),
	COLUMN("archived_at", COLUMN_WALL, step_row, archived_at),
	COLUMN("log_digest", COLUMN_TEXT, step_row, log_digest),
};
static const struct row_type step_type = ROW_TYPE(step_row, columns);

void step_row_release(struct step_row *r)
{
	row_release(&step_type, r);
}

void job_steps_release(struct job_steps *l)
{
	LIST_RELEASE(&step_type, l);
}

int store_step_list(struct store *s, int64_t job_id, struct job_steps *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &step_type,
		    "FROM workflow_steps WHERE job_id = ? ORDER BY position", "i", job_id) < 0)
		return -1;
	return LIST_READ(&q, &step_type, ret, e);
}
