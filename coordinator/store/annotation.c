/*
 * What is remembered of a step's log between two chunks stands in its row (commands_line,
 * commands_token), so any process may take the next chunk. Most chunks end at a line's end and
 * leave nothing, and then nothing is written here.
 */
#include "coordinator/store/annotation.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("a.id", COLUMN_INT, annotation_row, id),
	COLUMN("j.id", COLUMN_INT, annotation_row, job_id),
	COLUMN("a.step_id", COLUMN_INT, annotation_row, step_id),
	COLUMN("t.position", COLUMN_INT, annotation_row, step_index),
	COLUMN("j.name", COLUMN_TEXT, annotation_row, job_name),
	COLUMN("t.name", COLUMN_TEXT, annotation_row, step_name),
	COLUMN("a.level", COLUMN_TEXT, annotation_row, level),
	COLUMN("a.message", COLUMN_TEXT, annotation_row, message),
	COLUMN("a.title", COLUMN_TEXT, annotation_row, title),
	COLUMN("a.path", COLUMN_TEXT, annotation_row, path),
	COLUMN("coalesce(a.start_line, 0)", COLUMN_INT, annotation_row, start_line),
	COLUMN("coalesce(a.end_line, 0)", COLUMN_INT, annotation_row, end_line),
	COLUMN("coalesce(a.start_column, 0)", COLUMN_INT, annotation_row, start_column),
	COLUMN("coalesce(a.end_column, 0)", COLUMN_INT, annotation_row, end_column),
	COLUMN("coalesce(a.log_line, 0)", COLUMN_INT, annotation_row, log_line),
};
static const struct row_type annotation_type = ROW_TYPE(annotation_row, columns);

static const char *const levels[] = {
	[ANNOTATION_NOTICE] = "notice",
	[ANNOTATION_WARNING] = "warning",
	[ANNOTATION_ERROR] = "failure",
};

void annotation_list_release(struct annotation_list *l)
{
	LIST_RELEASE(&annotation_type, l);
}

/* Of the jobs j of a run; they stand with the job that ran, which may be one of an earlier attempt.
 * The order of the tables is fixed: a run has few jobs, each of them few annotations. */
#define FROM_JOBS "FROM workflow_jobs j CROSS JOIN annotations a"
#define OF_JOBS " WHERE a.job_id = coalesce(j.kept_from, j.id) AND" OF_RUN
#define OF_RUN " j.run_id = ?1 AND (?2 = 0 OR j.id = ?2)"

int store_annotation_list(struct store *s, const struct annotation_spec *spec,
	struct annotation_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &annotation_type,
		    FROM_JOBS " JOIN workflow_steps t ON t.id = a.step_id" OF_JOBS
			      " AND a.id > ?4 ORDER BY a.id LIMIT ?3",
		    "iiii", spec->run_id, spec->job_id, spec->page.limit, spec->page.after) < 0)
		return -1;
	return LIST_READ(&q, &annotation_type, ret, e);
}

static int count_levels(struct query *q, struct annotation_counts *ret, struct err *e)
{
	int rc;

	while ((rc = sql_next(q, e)) > 0) {
		CLEAN_STR char *level = col_text(q, 0);
		int64_t *of = str_eq(level, levels[ANNOTATION_NOTICE])    ? &ret->notices
			      : str_eq(level, levels[ANNOTATION_WARNING]) ? &ret->warnings
									  : &ret->failures;

		*of = col_int(q, 1);
	}
	return rc;
}

static int dropped_of(struct store *s, int64_t run_id, int64_t job_id, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e,
		       "SELECT CAST(coalesce(sum(k.annotations_dropped), 0) AS BIGINT) FROM "
		       "workflow_jobs j"
		       " CROSS JOIN workflow_jobs k"
		       " WHERE k.id = coalesce(j.kept_from, j.id) AND" OF_RUN,
		       "ii", run_id, job_id) < 0
		       ? -1
		       : 0;
}

int store_annotation_counts(struct store *s, int64_t run_id, int64_t job_id,
	struct annotation_counts *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e, "SELECT a.level, count(*) " FROM_JOBS OF_JOBS " GROUP BY a.level",
		    "ii", run_id, job_id) < 0 ||
		count_levels(&q, ret, e) < 0)
		return -1;
	return dropped_of(s, run_id, job_id, &ret->dropped, e);
}

/* ---- taking them from the log ---- */

struct take {
	struct store *s;
	int64_t run_id, job_id, step_id;
	int64_t job_room, run_room;
	int64_t level_room[ANNOTATION_LEVELS];
	int64_t kept;
};

static int room_left(struct take *t, struct err *e)
{
	struct annotation_counts job = { 0 }, step = { 0 };
	int64_t run = 0;
	CLEAN_QUERY struct query q = { 0 };

	if (sql_int(t->s, &t->run_id, e, "SELECT run_id FROM workflow_jobs WHERE id = ?", "i",
		    t->job_id) < 0 ||
		store_annotation_counts(t->s, t->run_id, t->job_id, &job, e) < 0 ||
		sql_int(t->s, &run, e, "SELECT count(*) FROM annotations WHERE run_id = ?", "i",
			t->run_id) < 0 ||
		sql_query(t->s, &q, e,
			"SELECT level, count(*) FROM annotations WHERE step_id = ? GROUP BY level",
			"i", t->step_id) < 0 ||
		count_levels(&q, &step, e) < 0)
		return -1;
	t->run_room = ANNOTATIONS_RUN - run;
	t->job_room = ANNOTATIONS_JOB - job.notices - job.warnings - job.failures;
	t->level_room[ANNOTATION_NOTICE] = ANNOTATIONS_STEP - step.notices;
	t->level_room[ANNOTATION_WARNING] = ANNOTATIONS_STEP - step.warnings;
	t->level_room[ANNOTATION_ERROR] = ANNOTATIONS_STEP - step.failures;
	return 0;
}

static int insert(const struct take *t, const struct annotation *a, struct err *e)
{
	return sql_run(t->s, e,
		"INSERT INTO annotations (run_id, job_id, step_id, level, message, title, path,"
		" start_line, end_line, start_column, end_column, log_line)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), nullif(?9, 0),"
		" nullif(?10, 0), nullif(?11, 0), nullif(?12, 0))",
		"iiittttiiiii", t->run_id, t->job_id, t->step_id, levels[a->level], a->message,
		a->title, a->path, a->line, a->end_line, a->column, a->end_column, a->log_line);
}

static int keep(struct take *t, const struct annotation *a, struct err *e)
{
	if (t->level_room[a->level] <= 0 || t->job_room <= 0 || t->run_room <= 0)
		return 0;
	t->level_room[a->level]--;
	t->job_room--;
	t->run_room--;
	t->kept++;
	return insert(t, a, e);
}

static int keep_all(struct take *t, const struct annotations *l, struct err *e)
{
	int64_t found = 0;

	if (!l->n)
		return 0;
	if (room_left(t, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (keep(t, &l->v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < ANNOTATION_LEVELS; i++)
		found += (int64_t)l->found[i];
	if (found == t->kept)
		return 0;
	return sql_run(t->s, e,
		"UPDATE workflow_jobs SET annotations_dropped = annotations_dropped + ?2"
		" WHERE id = ?1",
		"ii", t->job_id, found - t->kept);
}

static int reader_load(struct store *s, int64_t step_id, struct annotation_reader *r, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT commands_line, commands_token, log_lines FROM workflow_steps"
		    " WHERE id = ?",
		    "i", step_id) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	r->lines = col_int(&q, 2);
	struct slice line = col_bytes(&q, 0), token = col_bytes(&q, 1);
	if (buf_add(&r->line, line.ptr, line.len) < 0 ||
		buf_add(&r->token, token.ptr, token.len) < 0)
		return err_set(e, ERR_INTERNAL, "store: step %" PRId64 ": line too long", step_id);
	return 0;
}

static int reader_store(
	struct store *s, int64_t step_id, const struct annotation_reader *r, struct err *e)
{
	struct slice line = buf_slice(&r->line), token = buf_slice(&r->token);

	return sql_run(s, e,
		"UPDATE workflow_steps SET commands_line = CASE WHEN length(?2) > 0 THEN ?2 END,"
		" commands_token = CASE WHEN length(?3) > 0 THEN ?3 END WHERE id = ?1",
		"ibb", step_id, line.ptr, line.len, token.ptr, token.len);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_cstr(a), buf_cstr(b), a->len) == 0;
}

static int step_read(struct take *t, struct slice chunk, bool end, struct err *e)
{
	CLEANUP(annotation_reader_release) struct annotation_reader r = ANNOTATION_READER_INIT;
	CLEANUP(annotation_reader_release) struct annotation_reader was = ANNOTATION_READER_INIT;
	CLEANUP(annotations_release) struct annotations found = { 0 };

	if (reader_load(t->s, t->step_id, &r, e) < 0)
		return -1;
	buf_add(&was.line, buf_cstr(&r.line), r.line.len);
	buf_add(&was.token, buf_cstr(&r.token), r.token.len);
	if (r.lines >= 0) /* the row counts this chunk already (log.c) */
		r.lines -= annotation_lines(chunk);
	annotations_read(&r, chunk, end, &found);
	if ((!is_same(&r.line, &was.line) || !is_same(&r.token, &was.token)) &&
		reader_store(t->s, t->step_id, &r, e) < 0)
		return -1;
	return keep_all(t, &found, e);
}

int annotations_take(
	struct store *s, int64_t job_id, int64_t step_id, struct slice chunk, struct err *e)
{
	struct take t = { .s = s, .job_id = job_id, .step_id = step_id };

	return step_read(&t, chunk, false, e);
}

int annotations_end(struct store *s, int64_t job_id, int64_t step_id, struct err *e)
{
	int64_t id = 0;
	int rc;

	while ((rc = sql_int(s, &id, e,
			"SELECT id FROM workflow_steps WHERE job_id = ?1 AND (id = ?2 OR ?2 = 0)"
			" AND log_held IS NULL"
			" AND (commands_line IS NOT NULL OR commands_token IS NOT NULL) LIMIT 1",
			"ii", job_id, step_id)) > 0) {
		struct take t = { .s = s, .job_id = job_id, .step_id = id };

		if (step_read(&t, (struct slice){ "", 0 }, true, e) < 0)
			return -1;
	}
	return rc;
}

int annotations_decided(struct store *s, int64_t job_id, int64_t step_id, struct err *e)
{
	int64_t over = 0;
	int rc = sql_int(s, &over, e,
		"SELECT status NOT IN ('queued', 'running') FROM workflow_steps WHERE id = ?", "i",
		step_id);

	return rc <= 0 ? rc : over ? annotations_end(s, job_id, step_id, e) : 0;
}

int annotations_forget(struct store *s, int64_t job_id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM annotations WHERE job_id = ?", "i", job_id) < 0 ||
		sql_run(s, e, "UPDATE workflow_jobs SET annotations_dropped = 0 WHERE id = ?", "i",
			job_id) < 0)
		return -1;
	return sql_run(s, e,
		"UPDATE workflow_steps SET commands_line = NULL, commands_token = NULL"
		" WHERE job_id = ?",
		"i", job_id);
}
