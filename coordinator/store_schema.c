/*
 * The schema as numbered migrations. A step is never changed once released: the next one alters
 * what it made. All missing steps run in one transaction; a newer file than the program is refused.
 * Foreign keys are off meanwhile (store_open), as a table that is made anew is dropped in between.
 *
 * Times are microseconds since 1970. Lists and maps are JSON text. `ready` says that all needs of a
 * job succeeded, so that the claim finds the oldest job of a label with one index look-up however
 * many jobs wait for other labels.
 */
#include "coordinator/store_sql.h"

static const char *const migrations[] = {
	/* 1 */
	"CREATE TABLE repositories ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL COLLATE NOCASE,"
	" private INTEGER NOT NULL, default_branch TEXT NOT NULL, created_at INTEGER NOT NULL,"
	" next_run_index INTEGER NOT NULL DEFAULT 1,"
	" UNIQUE (owner, name));"
	"CREATE TABLE secrets ("
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" name TEXT NOT NULL, sealed BLOB NOT NULL, updated_at INTEGER NOT NULL,"
	" PRIMARY KEY (repo_id, name)) WITHOUT ROWID;"
	"CREATE TABLE variables ("
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" name TEXT NOT NULL, value TEXT NOT NULL,"
	" PRIMARY KEY (repo_id, name)) WITHOUT ROWID;"
	"CREATE TABLE pats ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL,"
	" token_sha256 BLOB NOT NULL UNIQUE, scopes INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER);"
	"CREATE TABLE runners ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	" labels TEXT NOT NULL, capacity INTEGER NOT NULL,"
	" host_name TEXT, version TEXT,"
	" created_at INTEGER NOT NULL, last_heartbeat_at INTEGER, offline_at INTEGER,"
	" drained_at INTEGER, drain_reason TEXT, revoked_at INTEGER, revoke_reason TEXT);"
	"CREATE TABLE runner_tokens ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" runner_id INTEGER NOT NULL REFERENCES runners ON DELETE CASCADE,"
	" token_sha256 BLOB NOT NULL UNIQUE,"
	" created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER);"
	"CREATE INDEX runner_tokens_runner ON runner_tokens (runner_id);"
	"CREATE TABLE workflow_runs ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" run_index INTEGER NOT NULL,"
	" workflow_file TEXT NOT NULL, workflow_name TEXT NOT NULL,"
	" event TEXT NOT NULL, event_payload TEXT NOT NULL,"
	" head_sha TEXT NOT NULL, head_ref TEXT NOT NULL, actor TEXT, problems TEXT,"
	" status TEXT NOT NULL, conclusion TEXT,"
	" parent_run_id INTEGER REFERENCES workflow_runs ON DELETE SET NULL,"
	" created_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER,"
	" UNIQUE (repo_id, run_index));"
	"CREATE INDEX workflow_runs_parent ON workflow_runs (parent_run_id)"
	" WHERE parent_run_id IS NOT NULL;"
	"CREATE TABLE workflow_jobs ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run_id INTEGER NOT NULL REFERENCES workflow_runs ON DELETE CASCADE,"
	" position INTEGER NOT NULL, job_key TEXT NOT NULL, name TEXT NOT NULL,"
	" runs_on TEXT NOT NULL, needs TEXT NOT NULL, if_cond TEXT,"
	" timeout_minutes INTEGER NOT NULL, permissions TEXT NOT NULL, env TEXT NOT NULL,"
	" status TEXT NOT NULL, conclusion TEXT, ready INTEGER NOT NULL,"
	" cancel_requested INTEGER NOT NULL DEFAULT 0,"
	" runner_id INTEGER REFERENCES runners ON DELETE SET NULL,"
	" created_at INTEGER NOT NULL, claimed_at INTEGER, started_at INTEGER,"
	" completed_at INTEGER,"
	" UNIQUE (run_id, job_key));"
	"CREATE INDEX workflow_jobs_waiting ON workflow_jobs (runs_on, id)"
	" WHERE status = 'queued' AND ready = 1;"
	"CREATE INDEX workflow_jobs_active ON workflow_jobs (runner_id)"
	" WHERE status = 'running';"
	"CREATE TABLE workflow_steps ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" job_id INTEGER NOT NULL REFERENCES workflow_jobs ON DELETE CASCADE,"
	" position INTEGER NOT NULL, step_id TEXT, name TEXT, if_cond TEXT,"
	" run TEXT, uses TEXT, working_directory TEXT, shell TEXT,"
	" timeout_minutes INTEGER NOT NULL DEFAULT 0, env TEXT NOT NULL, with_args TEXT NOT NULL,"
	" continue_on_error INTEGER NOT NULL, status TEXT NOT NULL, conclusion TEXT,"
	" log_bytes INTEGER NOT NULL DEFAULT 0, started_at INTEGER, completed_at INTEGER,"
	" UNIQUE (job_id, position));"
	"CREATE TABLE log_chunks ("
	" id INTEGER PRIMARY KEY,"
	" step_id INTEGER NOT NULL REFERENCES workflow_steps ON DELETE CASCADE,"
	" seq INTEGER NOT NULL, chunk BLOB NOT NULL, created_at INTEGER NOT NULL,"
	" UNIQUE (step_id, seq));"
	"CREATE TABLE runner_jwt_used ("
	" jti TEXT PRIMARY KEY, job_id INTEGER NOT NULL, used_at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX runner_jwt_used_at ON runner_jwt_used (used_at);"
	"CREATE TABLE stored_answers ("
	" jti TEXT PRIMARY KEY, idempotency_key TEXT NOT NULL, path TEXT NOT NULL,"
	" body_sha256 BLOB NOT NULL, status INTEGER NOT NULL, sealed BLOB NOT NULL,"
	" expires_at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX stored_answers_expiry ON stored_answers (expires_at);"
	"CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;",
	/* 2: artifacts; ids are never used again, as old upload URLs name them */
	"CREATE TABLE artifacts ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run_id INTEGER NOT NULL REFERENCES workflow_runs ON DELETE CASCADE,"
	" job_id INTEGER NOT NULL REFERENCES workflow_jobs ON DELETE CASCADE,"
	" name TEXT NOT NULL, size_bytes INTEGER NOT NULL, digest TEXT,"
	" created_at INTEGER NOT NULL, upload_until INTEGER NOT NULL,"
	" expires_at INTEGER NOT NULL,"
	" UNIQUE (run_id, name));"
	"CREATE INDEX artifacts_job ON artifacts (job_id);"
	"CREATE INDEX artifacts_expiry ON artifacts (expires_at);"
	"CREATE INDEX artifacts_waiting ON artifacts (upload_until) WHERE digest IS NULL;",
	/* 3: legs of a matrix share their key; what tells a lost job and a lost claim. A constraint
	 * cannot be altered, so the table is made anew. */
	"CREATE TABLE workflow_jobs_new ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run_id INTEGER NOT NULL REFERENCES workflow_runs ON DELETE CASCADE,"
	" position INTEGER NOT NULL, job_key TEXT NOT NULL, name TEXT NOT NULL,"
	" runs_on TEXT NOT NULL, needs TEXT NOT NULL, if_cond TEXT,"
	" timeout_minutes INTEGER NOT NULL, permissions TEXT NOT NULL, env TEXT NOT NULL,"
	" status TEXT NOT NULL, conclusion TEXT, ready INTEGER NOT NULL,"
	" cancel_requested INTEGER NOT NULL DEFAULT 0,"
	" runner_id INTEGER REFERENCES runners ON DELETE SET NULL,"
	" created_at INTEGER NOT NULL, claimed_at INTEGER, started_at INTEGER,"
	" completed_at INTEGER,"
	" leg INTEGER NOT NULL DEFAULT 0, legs INTEGER NOT NULL DEFAULT 1,"
	" matrix TEXT NOT NULL DEFAULT '{}', fail_fast INTEGER NOT NULL DEFAULT 1,"
	" max_parallel INTEGER NOT NULL DEFAULT 0, last_seen_at INTEGER, claim_jti TEXT,"
	" UNIQUE (run_id, job_key, leg));"
	"INSERT INTO workflow_jobs_new (id, run_id, position, job_key, name, runs_on, needs,"
	" if_cond, timeout_minutes, permissions, env, status, conclusion, ready,"
	" cancel_requested, runner_id, created_at, claimed_at, started_at, completed_at)"
	" SELECT id, run_id, position, job_key, name, runs_on, needs, if_cond,"
	" timeout_minutes, permissions, env, status, conclusion, ready, cancel_requested,"
	" runner_id, created_at, claimed_at, started_at, completed_at FROM workflow_jobs;"
	"DROP TABLE workflow_jobs;"
	"ALTER TABLE workflow_jobs_new RENAME TO workflow_jobs;"
	"CREATE INDEX workflow_jobs_waiting ON workflow_jobs (runs_on, id)"
	" WHERE status = 'queued' AND ready = 1;"
	"CREATE INDEX workflow_jobs_active ON workflow_jobs (runner_id)"
	" WHERE status = 'running';",
	/* 4: pushes whose refs may have moved and whose runs are not made yet */
	"CREATE TABLE push_journal ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" pusher TEXT, commands BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
	" created_at INTEGER NOT NULL);",
	/* 5: since when a job could be claimed; what runners tell about the hygiene of their hosts
	 */
	"ALTER TABLE workflow_jobs ADD COLUMN ready_at INTEGER;"
	"UPDATE workflow_jobs SET ready_at = created_at WHERE ready = 1;"
	"CREATE TABLE hygiene_records ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" runner_id INTEGER REFERENCES runners ON DELETE SET NULL,"
	" idempotency_key TEXT NOT NULL, body_sha256 BLOB NOT NULL,"
	" audit_key TEXT NOT NULL, host TEXT NOT NULL COLLATE NOCASE, action TEXT NOT NULL,"
	" status TEXT NOT NULL, documents TEXT NOT NULL, created_at INTEGER NOT NULL,"
	" UNIQUE (runner_id, idempotency_key), UNIQUE (runner_id, audit_key, status));"
	"CREATE INDEX hygiene_records_host ON hygiene_records (host, id);",
	/* 6: jobs whose condition asks how their needs ended; what retention looks for */
	"ALTER TABLE workflow_jobs ADD COLUMN asks_status INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX workflow_runs_done ON workflow_runs (completed_at)"
	" WHERE completed_at IS NOT NULL;"
	"CREATE INDEX log_chunks_age ON log_chunks (created_at);",
	/* 7: logs of old steps are objects */
	"DROP INDEX log_chunks_age;"
	"ALTER TABLE workflow_steps ADD COLUMN archived_at INTEGER;"
	"CREATE INDEX workflow_steps_unarchived ON workflow_steps (completed_at)"
	" WHERE archived_at IS NULL AND log_bytes > 0 AND completed_at IS NOT NULL;",
	/* 8: outputs of jobs: as the author wrote them, and what they came to */
	"ALTER TABLE workflow_jobs ADD COLUMN outputs_spec TEXT NOT NULL DEFAULT '{}';"
	"ALTER TABLE workflow_jobs ADD COLUMN outputs TEXT NOT NULL DEFAULT '{}';",
};

const char *schema_step(size_t number)
{
	return number >= 1 && number <= ARRAY_LEN(migrations) ? migrations[number - 1] : NULL;
}

int64_t store_schema_version(struct store *s)
{
	int64_t v = 0;
	if (sql_int(s, &v, NULL, "PRAGMA user_version", "") < 0)
		return -1;
	return v;
}

static int migrate_one(struct store *s, int number, struct err *e)
{
	if (sqlite3_exec(s->db, migrations[number - 1], NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s, e, "migration");
	char pragma[64];
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", number);
	if (sqlite3_exec(s->db, pragma, NULL, NULL, NULL) != SQLITE_OK)
		return sql_fail(s, e, "migration");
	return 0;
}

int schema_migrate(struct store *s, struct err *e)
{
	const int64_t newest = ARRAY_LEN(migrations);
	if (store_schema_version(s) == newest)
		return 0;
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e))
		return -1;
	/* Read again under the lock: another process may have been faster. */
	int64_t have = store_schema_version(s);
	if (have < 0)
		return sql_fail(s, e, "schema version");
	if (have > newest)
		return err_set(e, ERR_CONFLICT,
			"store: schema %lld is newer than this program's %lld", (long long)have,
			(long long)newest);
	for (int64_t n = have + 1; n <= newest; n++)
		if (migrate_one(s, (int)n, e))
			return err_wrap(e, "schema %lld", (long long)n);
	return store_commit(&tx, e);
}
