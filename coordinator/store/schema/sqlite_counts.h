/*
 * SQLite's step 43. What settling a run asks is counted when a job changes, by triggers, so that no
 * change can go past it: the jobs of a run by their states; those of a key (a job of the file, with
 * its legs); which keys need which, so that a key knows how many of those are open or have failed;
 * the concurrency groups that somebody left.
 */
#ifndef COORDINATOR_STORE_SCHEMA_SQLITE_COUNTS_H
#define COORDINATOR_STORE_SCHEMA_SQLITE_COUNTS_H

/* Laid out by hand, as clang-format breaks texts between macros into pieces. */
/* clang-format off */

/* of a job, which is NEW, OLD or j */

#define ENDED(j) "(" j ".status IN ('completed', 'cancelled'))"
#define SPARED(j) "(" j ".continue_on_error AND " j ".conclusion IN ('failure', 'timed_out'))"
#define FAILED(j) "ifnull(" ENDED(j) " AND " j ".conclusion <> 'success' AND NOT " SPARED(j) ", 0)"
#define OPEN(j) "(" j ".status IN ('queued', 'running'))"
#define QUEUED(j) "(" j ".status = 'queued')"
#define HELD(j) \
	"(" j ".status = 'queued' AND " j ".ready = 0 AND " j ".pending = 0 AND " j ".gate <> 1)"
#define UNFOLDS(j) "(" j ".status = 'queued' AND " j ".unfold = 1)"
#define STOPS(j) "(" j ".status IN ('queued', 'running') AND " j ".cancel_requested = 0)"
#define BROKEN(j) \
	"ifnull(" j ".legs > 1 AND " j ".fail_fast AND " j ".status = 'completed' AND " j \
	".conclusion IN ('failure', 'timed_out') AND NOT " j ".continue_on_error AND " j \
	".kept_from IS NULL, 0)"
#define OUTCOME(j) \
	"iif(" j ".conclusion IS NULL OR (" j ".conclusion <> 'success' AND NOT " SPARED(j) ")," \
	" ifnull(" j ".conclusion, ''), 'success')"
#define KEPT(j) "(" j ".kept_from IS NOT NULL)"

/* columns of job_keys and rows of job_counts, as jobs come, go and change */

#define COUNT_IN(column, of) " " column " = " column " + " of("NEW")
#define COUNT_OUT(column, of) " " column " = " column " - " of("OLD")
#define COUNT_MOVE(column, of) " " column " = " column " + " of("NEW") " - " of("OLD")
#define COUNT_ALL(how) \
	how("open", OPEN) "," how("queued", QUEUED) "," how("held", HELD) "," \
	how("unfolds", UNFOLDS) "," how("stops", STOPS) "," how("broken", BROKEN) "," \
	how("failed", FAILED)
#define STATE_OF(j) \
	" WHERE run_id = " j ".run_id AND status = " j \
	".status AND outcome = " OUTCOME(j) " AND kept = " KEPT(j) ";"
#define STATE_IN \
	" INSERT INTO job_counts (run_id, status, outcome, kept, n)" \
	" VALUES (NEW.run_id, NEW.status, " OUTCOME("NEW") ", " KEPT("NEW") ", 1)" \
	" ON CONFLICT (run_id, status, outcome, kept) DO UPDATE SET n = n + 1;"
#define STATE_OUT " UPDATE job_counts SET n = n - 1" STATE_OF("OLD")

#define SUM(of) " sum(" of("j") ")"
#define OF_RUN " run_id INTEGER NOT NULL REFERENCES workflow_runs ON DELETE CASCADE,"

#define SCHEMA_COUNTS \
	"CREATE TABLE job_counts (" OF_RUN \
	" status TEXT NOT NULL, outcome TEXT NOT NULL, kept INTEGER NOT NULL," \
	" n INTEGER NOT NULL, PRIMARY KEY (run_id, status, outcome, kept)) WITHOUT ROWID;" \
	"CREATE TABLE job_keys (" OF_RUN \
	" job_key TEXT NOT NULL, asks_status INTEGER NOT NULL, max_parallel INTEGER NOT NULL," \
	" last_leg INTEGER NOT NULL DEFAULT 999999," \
	" open INTEGER NOT NULL DEFAULT 0, queued INTEGER NOT NULL DEFAULT 0," \
	" held INTEGER NOT NULL DEFAULT 0, unfolds INTEGER NOT NULL DEFAULT 0," \
	" stops INTEGER NOT NULL DEFAULT 0, broken INTEGER NOT NULL DEFAULT 0," \
	" failed INTEGER NOT NULL DEFAULT 0, needs_open INTEGER NOT NULL DEFAULT 0," \
	" needs_failed INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run_id, job_key)) WITHOUT ROWID;" \
	"CREATE INDEX job_keys_due ON job_keys (run_id) WHERE held > 0 AND needs_open = 0;" \
	"CREATE INDEX job_keys_unfold ON job_keys (run_id) WHERE unfolds > 0 AND needs_open = 0;" \
	"CREATE INDEX job_keys_skip ON job_keys (run_id)" \
	" WHERE queued > 0 AND needs_failed > 0 AND asks_status = 0;" \
	"CREATE INDEX job_keys_stop ON job_keys (run_id) WHERE broken > 0 AND stops > 0;" \
	"CREATE TABLE job_needs (" OF_RUN \
	" job_key TEXT NOT NULL, needs TEXT NOT NULL," \
	" PRIMARY KEY (run_id, job_key, needs)) WITHOUT ROWID;" \
	"CREATE INDEX job_needs_of ON job_needs (run_id, needs);" \
	"CREATE TABLE groups_left (" OF_RUN \
	" concurrency_group TEXT NOT NULL COLLATE NOCASE," \
	" PRIMARY KEY (run_id, concurrency_group)) WITHOUT ROWID;" \
	"CREATE INDEX workflow_jobs_held ON workflow_jobs (run_id, job_key, leg)" \
	" WHERE status = 'queued' AND ready = 0;" \
	"CREATE INDEX workflow_jobs_open ON workflow_jobs (run_id, job_key, leg)" \
	" WHERE status IN ('queued', 'running');" \
	"DROP INDEX workflow_jobs_gate;" \
	"CREATE INDEX workflow_jobs_gate ON workflow_jobs (id)" \
	" WHERE gate = 1 AND status = 'queued';" \
	/* what there is already */ \
	"INSERT INTO job_counts (run_id, status, outcome, kept, n)" \
	" SELECT j.run_id, j.status, " OUTCOME("j") ", " KEPT("j") ", count(*)" \
	" FROM workflow_jobs j GROUP BY 1, 2, 3, 4;" \
	"INSERT INTO job_keys (run_id, job_key, asks_status, max_parallel," \
	" open, queued, held, unfolds, stops, broken, failed)" \
	" SELECT j.run_id, j.job_key, max(j.asks_status), max(j.max_parallel)," \
	SUM(OPEN) "," SUM(QUEUED) "," SUM(HELD) "," SUM(UNFOLDS) "," SUM(STOPS) "," \
	SUM(BROKEN) "," SUM(FAILED) \
	" FROM workflow_jobs j JOIN workflow_runs r ON r.id = j.run_id" \
	" WHERE r.status IN ('queued', 'running') GROUP BY j.run_id, j.job_key;" \
	/* what changes from now on */ \
	"CREATE TRIGGER workflow_jobs_key_in AFTER INSERT ON workflow_jobs BEGIN" \
	" INSERT INTO job_keys (run_id, job_key, asks_status, max_parallel)" \
	" VALUES (NEW.run_id, NEW.job_key, 0, 0) ON CONFLICT (run_id, job_key) DO NOTHING;" \
	" UPDATE job_keys SET asks_status = NEW.asks_status, max_parallel = NEW.max_parallel," \
	COUNT_ALL(COUNT_IN) \
	" WHERE run_id = NEW.run_id AND job_key = NEW.job_key;" STATE_IN " END;" \
	"CREATE TRIGGER workflow_jobs_key_out AFTER DELETE ON workflow_jobs" \
	" WHEN EXISTS (SELECT 1 FROM workflow_runs WHERE id = OLD.run_id) BEGIN" \
	" UPDATE job_keys SET" COUNT_ALL(COUNT_OUT) \
	" WHERE run_id = OLD.run_id AND job_key = OLD.job_key;" STATE_OUT " END;" \
	"CREATE TRIGGER workflow_jobs_key_moved AFTER UPDATE OF" \
	" status, conclusion, ready, pending, gate, unfold, cancel_requested ON workflow_jobs BEGIN" \
	" UPDATE job_keys SET" COUNT_ALL(COUNT_MOVE) \
	" WHERE run_id = NEW.run_id AND job_key = NEW.job_key; END;" \
	"CREATE TRIGGER workflow_jobs_state_moved AFTER UPDATE OF status, conclusion ON workflow_jobs" \
	" WHEN NEW.status IS NOT OLD.status OR NEW.conclusion IS NOT OLD.conclusion BEGIN" STATE_OUT STATE_IN " END;" \
	"CREATE TRIGGER workflow_jobs_group_left AFTER UPDATE OF status, gate ON workflow_jobs" \
	" WHEN NEW.concurrency_group IS NOT NULL AND (" ENDED("NEW") " OR NEW.gate = 1) BEGIN" \
	" INSERT INTO groups_left (run_id, concurrency_group)" \
	" VALUES (NEW.run_id, NEW.concurrency_group)" \
	" ON CONFLICT (run_id, concurrency_group) DO NOTHING; END;" \
	"CREATE TRIGGER job_keys_moved AFTER UPDATE OF open, failed ON job_keys" \
	" WHEN (NEW.open > 0) <> (OLD.open > 0) OR (NEW.failed > 0) <> (OLD.failed > 0) BEGIN" \
	" UPDATE job_keys SET needs_open = needs_open + (NEW.open > 0) - (OLD.open > 0)," \
	" needs_failed = needs_failed + (NEW.failed > 0) - (OLD.failed > 0)" \
	" WHERE run_id = NEW.run_id AND job_key IN" \
	" (SELECT n.job_key FROM job_needs n WHERE n.run_id = NEW.run_id" \
	" AND n.needs = NEW.job_key); END;" \
	"CREATE TRIGGER job_needs_made AFTER INSERT ON job_needs BEGIN" \
	" UPDATE job_keys SET needs_open = needs_open + ifnull((SELECT k.open > 0 FROM job_keys k" \
	" WHERE k.run_id = NEW.run_id AND k.job_key = NEW.needs), 0)," \
	" needs_failed = needs_failed + ifnull((SELECT k.failed > 0 FROM job_keys k" \
	" WHERE k.run_id = NEW.run_id AND k.job_key = NEW.needs), 0)" \
	" WHERE run_id = NEW.run_id AND job_key = NEW.job_key; END;" \
	"INSERT INTO job_needs (run_id, job_key, needs)" \
	" SELECT DISTINCT j.run_id, j.job_key, n.value FROM workflow_jobs j JOIN json_each(j.needs) n;"

/* clang-format on */

#endif
