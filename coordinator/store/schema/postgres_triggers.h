/*
 * What changes by itself when runs and jobs change, in PL/pgSQL: the counts that settling a run
 * asks and the outbox of the webhooks, row by row what SQLite's triggers do (sqlite.c, and
 * sqlite_counts.h, which says why). tests/lint/schemas.py changes jobs at random on both and
 * compares what is left.
 */
#ifndef COORDINATOR_STORE_SCHEMA_POSTGRES_TRIGGERS_H
#define COORDINATOR_STORE_SCHEMA_POSTGRES_TRIGGERS_H

/* Laid out by hand, as clang-format breaks texts between macros into pieces. */
/* clang-format off */

#define FUNCTION(name, body) \
	"CREATE FUNCTION " name "() RETURNS trigger LANGUAGE plpgsql AS $$" body " $$;"
#define TRIGGER(name, when, condition, function) \
	"CREATE TRIGGER " name " AFTER " when " FOR EACH ROW" condition " EXECUTE FUNCTION " function ";"
#define STATE_CHANGED \
	" WHEN (NEW.status IS DISTINCT FROM OLD.status OR NEW.conclusion IS DISTINCT FROM OLD.conclusion)"

/* ---- what a job counts as ---- */

#define POSTGRES_MARKS \
	"CREATE FUNCTION job_spared(j workflow_jobs) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$" \
	" SELECT coalesce(j.continue_on_error <> 0 AND j.conclusion IN ('failure', 'timed_out'), false)" \
	" $$;" \
	"CREATE FUNCTION job_outcome(j workflow_jobs) RETURNS text LANGUAGE sql IMMUTABLE AS $$" \
	" SELECT CASE WHEN j.conclusion IS NULL OR (j.conclusion <> 'success' AND NOT job_spared(j))" \
	" THEN coalesce(j.conclusion, '') ELSE 'success' END $$;" \
	"CREATE TYPE job_marks AS (open BIGINT, queued BIGINT, held BIGINT, unfolds BIGINT," \
	" stops BIGINT, broken BIGINT, failed BIGINT);" \
	"CREATE FUNCTION job_marks(j workflow_jobs) RETURNS job_marks LANGUAGE sql IMMUTABLE AS $$" \
	" SELECT (j.status IN ('queued', 'running'))::int::bigint," \
	" (j.status = 'queued')::int::bigint," \
	" (j.status = 'queued' AND j.ready = 0 AND j.pending = 0 AND j.gate <> 1)::int::bigint," \
	" (j.status = 'queued' AND j.unfold = 1)::int::bigint," \
	" (j.status IN ('queued', 'running') AND j.cancel_requested = 0)::int::bigint," \
	" coalesce((j.legs > 1 AND j.fail_fast <> 0 AND j.status = 'completed'" \
	" AND j.conclusion IN ('failure', 'timed_out') AND j.continue_on_error = 0" \
	" AND j.kept_from IS NULL)::int, 0)::bigint," \
	" coalesce((j.status IN ('completed', 'cancelled') AND j.conclusion <> 'success'" \
	" AND NOT job_spared(j))::int, 0)::bigint $$;"

/* ---- counts of a run's jobs ---- */

#define MARKS_ADD(sign) \
	" open = k.open " sign " m.open, queued = k.queued " sign " m.queued," \
	" held = k.held " sign " m.held, unfolds = k.unfolds " sign " m.unfolds," \
	" stops = k.stops " sign " m.stops, broken = k.broken " sign " m.broken," \
	" failed = k.failed " sign " m.failed"
#define STATE_IN \
	" INSERT INTO job_counts AS c (run_id, status, outcome, kept, n) VALUES (NEW.run_id," \
	" NEW.status, job_outcome(NEW), (NEW.kept_from IS NOT NULL)::int, 1)" \
	" ON CONFLICT (run_id, status, outcome, kept) DO UPDATE SET n = c.n + 1;"
#define STATE_OUT \
	" UPDATE job_counts SET n = n - 1 WHERE run_id = OLD.run_id AND status = OLD.status" \
	" AND outcome = job_outcome(OLD) AND kept = (OLD.kept_from IS NOT NULL)::int;"

#define POSTGRES_COUNTS \
	FUNCTION("workflow_jobs_key_in", \
		" DECLARE m job_marks := job_marks(NEW); BEGIN" \
		" INSERT INTO job_keys (run_id, job_key, asks_status, max_parallel)" \
		" VALUES (NEW.run_id, NEW.job_key, 0, 0) ON CONFLICT (run_id, job_key) DO NOTHING;" \
		" UPDATE job_keys k SET asks_status = NEW.asks_status," \
		" max_parallel = NEW.max_parallel," MARKS_ADD("+") \
		" WHERE k.run_id = NEW.run_id AND k.job_key = NEW.job_key;" STATE_IN \
		" RETURN NULL; END") \
	FUNCTION("workflow_jobs_key_out", \
		" DECLARE m job_marks := job_marks(OLD); BEGIN" \
		" IF NOT EXISTS (SELECT 1 FROM workflow_runs WHERE id = OLD.run_id) THEN" \
		" RETURN NULL; END IF;" \
		" UPDATE job_keys k SET" MARKS_ADD("-") \
		" WHERE k.run_id = OLD.run_id AND k.job_key = OLD.job_key;" STATE_OUT \
		" RETURN NULL; END") \
	FUNCTION("workflow_jobs_key_moved", \
		" DECLARE a job_marks := job_marks(NEW); b job_marks := job_marks(OLD); m job_marks;" \
		" BEGIN IF a IS NOT DISTINCT FROM b THEN RETURN NULL; END IF;" \
		" m := ROW(a.open - b.open, a.queued - b.queued, a.held - b.held," \
		" a.unfolds - b.unfolds, a.stops - b.stops, a.broken - b.broken," \
		" a.failed - b.failed);" \
		" UPDATE job_keys k SET" MARKS_ADD("+") \
		" WHERE k.run_id = NEW.run_id AND k.job_key = NEW.job_key; RETURN NULL; END") \
	FUNCTION("workflow_jobs_state_moved", " BEGIN" STATE_OUT STATE_IN " RETURN NULL; END") \
	FUNCTION("workflow_jobs_group_left", \
		" BEGIN INSERT INTO groups_left (run_id, concurrency_group)" \
		" VALUES (NEW.run_id, NEW.concurrency_group)" \
		" ON CONFLICT (run_id, concurrency_group) DO NOTHING; RETURN NULL; END") \
	FUNCTION("job_keys_moved", \
		" DECLARE opens BIGINT := (NEW.open > 0)::int - (OLD.open > 0)::int;" \
		" fails BIGINT := (NEW.failed > 0)::int - (OLD.failed > 0)::int; BEGIN" \
		" UPDATE job_keys k SET needs_open = k.needs_open + opens," \
		" needs_failed = k.needs_failed + fails WHERE k.run_id = NEW.run_id" \
		" AND k.job_key IN (SELECT n.job_key FROM job_needs n" \
		" WHERE n.run_id = NEW.run_id AND n.needs = NEW.job_key); RETURN NULL; END") \
	FUNCTION("job_needs_made", \
		" BEGIN UPDATE job_keys k SET needs_open = k.needs_open + (o.open > 0)::int," \
		" needs_failed = k.needs_failed + (o.failed > 0)::int FROM job_keys o" \
		" WHERE k.run_id = NEW.run_id AND k.job_key = NEW.job_key" \
		" AND o.run_id = NEW.run_id AND o.job_key = NEW.needs; RETURN NULL; END") \
	TRIGGER("workflow_jobs_key_in", "INSERT ON workflow_jobs", "", "workflow_jobs_key_in()") \
	TRIGGER("workflow_jobs_key_out", "DELETE ON workflow_jobs", "", "workflow_jobs_key_out()") \
	TRIGGER("workflow_jobs_key_moved", \
		"UPDATE OF status, conclusion, ready, pending, gate, unfold, cancel_requested" \
		" ON workflow_jobs", "", "workflow_jobs_key_moved()") \
	TRIGGER("workflow_jobs_state_moved", "UPDATE OF status, conclusion ON workflow_jobs", \
		STATE_CHANGED, "workflow_jobs_state_moved()") \
	TRIGGER("workflow_jobs_group_left", "UPDATE OF status, gate ON workflow_jobs", \
		" WHEN (NEW.concurrency_group IS NOT NULL" \
		" AND (NEW.status IN ('completed', 'cancelled') OR NEW.gate = 1))", \
		"workflow_jobs_group_left()") \
	TRIGGER("job_keys_moved", "UPDATE OF open, failed ON job_keys", \
		" WHEN ((NEW.open > 0) <> (OLD.open > 0) OR (NEW.failed > 0) <> (OLD.failed > 0))", \
		"job_keys_moved()") \
	TRIGGER("job_needs_made", "INSERT ON job_needs", "", "job_needs_made()")

/* ---- the outbox of the webhooks ---- */

/* changed_at: of the clock, not of the transaction, which may have begun long before. */
#define HEAR(event, bit, run, job, runner) \
	" BEGIN INSERT INTO webhook_deliveries (hook_id, guid, event, run_id, job_id, status," \
	" conclusion, runner_id, changed_at) SELECT h.id, replace(gen_random_uuid()::text, '-', '')," \
	" '" event "', " run ", " job ", NEW.status, NEW.conclusion, " runner "," \
	" (extract(epoch FROM clock_timestamp()) * 1000000)::bigint FROM webhooks h" \
	" WHERE (h.repo_id IS NULL OR h.repo_id = (SELECT repo_id FROM workflow_runs WHERE id = " run "))" \
	" AND (h.events & " bit ") <> 0; RETURN NULL; END"
#define POSTGRES_OUTBOX \
	FUNCTION("workflow_runs_heard", HEAR("workflow_run", "1", "NEW.id", "NULL", "NULL")) \
	FUNCTION("workflow_jobs_heard", HEAR("workflow_job", "2", "NEW.run_id", "NEW.id", "NEW.runner_id")) \
	TRIGGER("workflow_runs_made", "INSERT ON workflow_runs", "", "workflow_runs_heard()") \
	TRIGGER("workflow_runs_changed", "UPDATE OF status, conclusion ON workflow_runs", \
		STATE_CHANGED, "workflow_runs_heard()") \
	TRIGGER("workflow_jobs_made", "INSERT ON workflow_jobs", " WHEN (NEW.unfold <> 1)", \
		"workflow_jobs_heard()") \
	TRIGGER("workflow_jobs_changed", "UPDATE OF status, conclusion ON workflow_jobs", \
		STATE_CHANGED, "workflow_jobs_heard()")

#define POSTGRES_TRIGGERS POSTGRES_MARKS POSTGRES_COUNTS POSTGRES_OUTBOX

/* clang-format on */

#endif
