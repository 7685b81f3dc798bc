/* Reading steps. report.c writes their states, log.c their logs' sizes, retired.c what is archived.
 */
#include "coordinator/store/step.h"

#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

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
	COLUMN_STATUS("status", step_row, state.status),
	COLUMN_CONCLUSION("conclusion", step_row, state.conclusion),
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

/* ---- summaries ---- */

/* What is remembered of a log between two chunks stands in the step's row (summary_line), as with
 * annotations; most chunks end at a line's end outside of a summary, and then nothing is written.
 */
static const struct column summary_columns[] = {
	COLUMN("j.id", COLUMN_INT, summary_row, job_id),
	COLUMN("t.position", COLUMN_INT, summary_row, step_index),
	COLUMN("j.name", COLUMN_TEXT, summary_row, job_name),
	COLUMN("t.name", COLUMN_TEXT, summary_row, step_name),
	COLUMN("y.text", COLUMN_TEXT, summary_row, text),
};
static const struct row_type summary_type = ROW_TYPE(summary_row, summary_columns);

void summary_list_release(struct summary_list *l)
{
	LIST_RELEASE(&summary_type, l);
}

int store_summary_list(
	struct store *s, int64_t run_id, int64_t limit, struct summary_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &summary_type,
		    "FROM workflow_jobs j CROSS JOIN summaries y"
		    " JOIN workflow_steps t ON t.id = y.step_id"
		    " WHERE y.job_id = coalesce(j.kept_from, j.id) AND j.run_id = ?1"
		    " ORDER BY j.position, j.leg, t.position LIMIT ?2",
		    "ii", run_id, limit) < 0)
		return -1;
	return LIST_READ(&q, &summary_type, ret, e);
}

static int state_load(struct store *s, int64_t step_id, struct buf *state, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e, "SELECT summary_line FROM workflow_steps WHERE id = ?", "i",
		    step_id) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	struct slice had = col_bytes(&q, 0);
	buf_add(state, had.ptr, had.len < state->max ? had.len : state->max);
	return 0;
}

/* A NUL would end the text for its readers. */
static int text_add(
	struct store *s, int64_t job_id, int64_t step_id, struct buf *text, struct err *e)
{
	for (size_t i = 0; i < text->len; i++)
		if (!text->data[i])
			text->data[i] = ' ';
	return sql_run(s, e,
		"INSERT INTO summaries (step_id, job_id, text) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (step_id) DO UPDATE SET text = substr(CAST("
		"summaries.text || ?3 AS BLOB), 1, CAST(?4 AS INTEGER))",
		"iibi", step_id, job_id, text->data, text->len, (int64_t)SUMMARY_MAX);
}

int summary_take(
	struct store *s, int64_t job_id, int64_t step_id, struct slice chunk, struct err *e)
{
	struct summary_reader r = SUMMARY_READER_INIT;
	CLEAN_BUF struct buf had = BUF_INIT(SUMMARY_STATE_MAX), text = BUF_INIT(SUMMARY_MAX);

	if (state_load(s, step_id, &r.state, e) < 0)
		return -1;
	buf_add(&had, buf_cstr(&r.state), r.state.len);
	summary_read(&r, chunk, &text);
	bool same =
		had.len == r.state.len && memcmp(buf_cstr(&had), buf_cstr(&r.state), had.len) == 0;
	int rc = same ? 0
		      : sql_run(s, e,
				"UPDATE workflow_steps SET summary_line = CASE WHEN length(?2) > 0 "
				"THEN ?2 END"
				" WHERE id = ?1",
				"ib", step_id, buf_cstr(&r.state), r.state.len);
	buf_release(&r.state);
	if (rc < 0 || !text.len)
		return rc;
	return text_add(s, job_id, step_id, &text, e);
}

int summaries_forget(struct store *s, int64_t job_id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM summaries WHERE job_id = ?", "i", job_id) < 0)
		return -1;
	return sql_run(s, e, "UPDATE workflow_steps SET summary_line = NULL WHERE job_id = ?", "i",
		job_id);
}
