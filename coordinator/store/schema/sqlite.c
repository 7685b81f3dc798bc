/*
 * SQLite's steps, from the first version of this program on.
 *
 * Foreign keys are off meanwhile (coordinator/sql), as a table that is made anew is dropped in
 * between.
 */
#include "coordinator/store/schema/both.h"
#include "coordinator/store/schema/sqlite_counts.h"
#include "coordinator/store/schema/steps.h"

const char *const schema_sqlite[SCHEMA_NEWEST] = {
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
	/* 9: jobs that a runner handed back: how often, the last one, and when */
	"ALTER TABLE workflow_jobs ADD COLUMN hand_backs INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN handed_back_by INTEGER;"
	"ALTER TABLE workflow_jobs ADD COLUMN handed_back_at INTEGER;",
	/* 10: since when a runner has had a free slot */
	"ALTER TABLE runners ADD COLUMN freed_at INTEGER;",
	/* 11: the heartbeat that brought a claim, and the first token in its answer */
	"ALTER TABLE workflow_jobs ADD COLUMN claim_key TEXT;"
	"ALTER TABLE workflow_jobs ADD COLUMN claim_key_jti TEXT;",
	/* 12: concurrency groups of runs and jobs; who waits for one; why something was cancelled
	 */
	"ALTER TABLE workflow_runs ADD COLUMN concurrency_group TEXT COLLATE NOCASE;"
	"ALTER TABLE workflow_runs ADD COLUMN cancel_in_progress INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN reason TEXT;"
	"ALTER TABLE workflow_jobs ADD COLUMN concurrency_group TEXT COLLATE NOCASE;"
	"ALTER TABLE workflow_jobs ADD COLUMN cancel_in_progress INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN reason TEXT;"
	"CREATE INDEX workflow_runs_group ON workflow_runs (repo_id, concurrency_group)"
	" WHERE concurrency_group IS NOT NULL AND status IN ('queued', 'running');"
	"CREATE INDEX workflow_jobs_group ON workflow_jobs (concurrency_group)"
	" WHERE concurrency_group IS NOT NULL AND status IN ('queued', 'running');",
	/* 13: cron lines of the default branches */
	"CREATE TABLE schedules ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" workflow_file TEXT NOT NULL, cron TEXT NOT NULL, actor TEXT,"
	" next_at INTEGER NOT NULL, kept INTEGER NOT NULL,"
	" UNIQUE (repo_id, workflow_file, cron));"
	"CREATE INDEX schedules_next ON schedules (next_at);",
	/* 14: typed inputs of a run that was started by hand; which attempt a run is, and who
	 * started the first one; a run that was cancelled, and how often */
	"ALTER TABLE workflow_runs ADD COLUMN inputs TEXT;"
	"ALTER TABLE workflow_runs ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE workflow_runs ADD COLUMN first_actor TEXT;"
	"ALTER TABLE workflow_runs ADD COLUMN cancels INTEGER NOT NULL DEFAULT 0;",
	/* 15: since when the first job of a list of labels could be claimed; what runs, whoever
	 * runs it */
	"CREATE INDEX workflow_jobs_running ON workflow_jobs (claimed_at) WHERE status = 'running';"
	"CREATE INDEX workflow_jobs_since ON workflow_jobs (runs_on, ready_at)"
	" WHERE status = 'queued' AND ready = 1;",
	/* 16: limits of steps as expressions; jobs that may fail; environments; jobs whose legs are
	 * made when their needs are over (1: yet to be made, 2: made so) */
	"ALTER TABLE workflow_steps ADD COLUMN timeout_expression TEXT;"
	"ALTER TABLE workflow_steps ADD COLUMN continue_expression TEXT;"
	"ALTER TABLE workflow_jobs ADD COLUMN continue_on_error INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN environment TEXT;"
	"ALTER TABLE workflow_jobs ADD COLUMN environment_url TEXT;"
	"ALTER TABLE workflow_jobs ADD COLUMN unfold INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN matrix_tainted INTEGER NOT NULL DEFAULT 0;",
	/* 17: the runs of a repository that are not over */
	"CREATE INDEX workflow_runs_open ON workflow_runs (repo_id)"
	" WHERE status IN ('queued', 'running');",
	/* 18: what a run is called */
	"ALTER TABLE workflow_runs ADD COLUMN run_name TEXT;",
	/* 19: who changed what, when and why */
	"CREATE TABLE audit_log ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
	" actor_kind TEXT NOT NULL CHECK (actor_kind IN ('operator', 'user', 'coordinator')),"
	" actor_id INTEGER, actor TEXT, verb TEXT NOT NULL,"
	" target_kind TEXT NOT NULL, target TEXT, reason TEXT, outcome TEXT NOT NULL);"
	"CREATE INDEX audit_log_at ON audit_log (at);"
	"CREATE INDEX audit_log_target ON audit_log (target_kind, id);",
	/* 20: a job whose result an earlier attempt gave; how often a job that its runner lost was
	 * queued again */
	"ALTER TABLE workflow_jobs ADD COLUMN kept_from INTEGER REFERENCES workflow_jobs;"
	"ALTER TABLE workflow_jobs ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX workflow_jobs_kept ON workflow_jobs (kept_from)"
	" WHERE kept_from IS NOT NULL;",
	/* 21: the digest of an archived log */
	"ALTER TABLE workflow_steps ADD COLUMN log_digest TEXT;",
	/* 22: annotations of steps; what of a step's log is not read yet; how many were too many */
	"CREATE TABLE annotations ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" run_id INTEGER NOT NULL REFERENCES workflow_runs ON DELETE CASCADE,"
	" job_id INTEGER NOT NULL REFERENCES workflow_jobs ON DELETE CASCADE,"
	" step_id INTEGER NOT NULL REFERENCES workflow_steps ON DELETE CASCADE,"
	" level TEXT NOT NULL, message TEXT NOT NULL, title TEXT, path TEXT,"
	" start_line INTEGER, end_line INTEGER, start_column INTEGER, end_column INTEGER);"
	"CREATE INDEX annotations_run ON annotations (run_id, id);"
	"CREATE INDEX annotations_job ON annotations (job_id, id);"
	"CREATE INDEX annotations_step ON annotations (step_id, level);"
	"ALTER TABLE workflow_steps ADD COLUMN commands_line BLOB;"
	"ALTER TABLE workflow_steps ADD COLUMN commands_token BLOB;"
	"ALTER TABLE workflow_jobs ADD COLUMN annotations_dropped INTEGER NOT NULL DEFAULT 0;",
	/* 23: logs are masked here, too: the runner's last chunk of a step, what is held back of it
	 * (sealed), and what a running job's log is masked with (sealed) */
	"ALTER TABLE workflow_steps ADD COLUMN log_seq INTEGER NOT NULL DEFAULT -1;"
	"ALTER TABLE workflow_steps ADD COLUMN log_held BLOB;"
	"UPDATE workflow_steps SET log_seq = (SELECT ifnull(max(seq), -1) FROM log_chunks c"
	" WHERE c.step_id = workflow_steps.id) WHERE log_bytes > 0;"
	"CREATE INDEX workflow_steps_held ON workflow_steps (job_id) WHERE log_held IS NOT NULL;"
	"CREATE TABLE job_masks ("
	" job_id INTEGER PRIMARY KEY REFERENCES workflow_jobs ON DELETE CASCADE,"
	" digest BLOB NOT NULL, sealed BLOB NOT NULL);",
	/* 24: the newest runs of a commit and of a ref; a token for the badge alone; who hears of
	 * changes. Triggers write the outbox, so that no change of a state can go past it; who
	 * makes a table anew must make its triggers anew. */
	"CREATE INDEX workflow_runs_commit ON workflow_runs"
	" (repo_id, head_sha, workflow_file, event, id DESC);"
	"CREATE INDEX workflow_runs_ref ON workflow_runs"
	" (repo_id, head_ref, workflow_file, event, id DESC);"
	"ALTER TABLE repositories ADD COLUMN badge_token_sha256 BLOB;"
	"CREATE TABLE webhooks ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER REFERENCES repositories ON DELETE CASCADE,"
	" url TEXT NOT NULL, format TEXT NOT NULL, events INTEGER NOT NULL,"
	" sealed BLOB NOT NULL, created_at INTEGER NOT NULL,"
	" failures INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL DEFAULT 0);"
	"CREATE UNIQUE INDEX webhooks_url ON webhooks (ifnull(repo_id, 0), url);"
	"CREATE TABLE webhook_deliveries ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" hook_id INTEGER NOT NULL REFERENCES webhooks ON DELETE CASCADE,"
	" guid TEXT NOT NULL, event TEXT NOT NULL, run_id INTEGER, job_id INTEGER,"
	" status TEXT, conclusion TEXT, runner_id INTEGER, changed_at INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL DEFAULT 0, tried_at INTEGER, answer INTEGER, problem TEXT,"
	" done_at INTEGER, outcome TEXT);"
	"CREATE INDEX webhook_deliveries_hook ON webhook_deliveries (hook_id, done_at, id);"
	"CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (hook_id)"
	" WHERE outcome = 'dead';"
	"CREATE INDEX webhook_deliveries_age ON webhook_deliveries (done_at)"
	" WHERE done_at IS NOT NULL;"
#define NOW_US "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)"
#define HEAR(event, bit, run, job, runner)                                                     \
	" INSERT INTO webhook_deliveries (hook_id, guid, event, run_id, job_id, status,"       \
	" conclusion, runner_id, changed_at) SELECT h.id, lower(hex(randomblob(16))), '" event \
	"', " run ", " job ", NEW.status, NEW.conclusion, " runner ", " NOW_US                 \
	" FROM webhooks h WHERE (h.repo_id IS NULL OR h.repo_id ="                             \
	" (SELECT repo_id FROM workflow_runs WHERE id = " run ")) AND h.events & " bit         \
	" <> 0; END;"
#define HEAR_RUN HEAR("workflow_run", "1", "NEW.id", "NULL", "NULL")
#define HEAR_JOB HEAR("workflow_job", "2", "NEW.run_id", "NEW.id", "NEW.runner_id")
#define CHANGED "NEW.status IS NOT OLD.status OR NEW.conclusion IS NOT OLD.conclusion"
	"CREATE TRIGGER workflow_runs_made AFTER INSERT ON workflow_runs BEGIN" HEAR_RUN
	"CREATE TRIGGER workflow_runs_changed AFTER UPDATE OF status, conclusion ON workflow_runs"
	" WHEN " CHANGED " BEGIN" HEAR_RUN
	"CREATE TRIGGER workflow_jobs_made AFTER INSERT ON workflow_jobs WHEN NEW.unfold <> 1"
	" BEGIN" HEAR_JOB
	"CREATE TRIGGER workflow_jobs_changed AFTER UPDATE OF status, conclusion ON workflow_jobs"
	" WHEN " CHANGED " BEGIN" HEAR_JOB,
	/* 25: what a runner may serve and for whom; policies (the site's row is the first); jobs
	 * know their repository, so that what waits and runs is found by it */
	"ALTER TABLE runners ADD COLUMN allowed_labels TEXT NOT NULL DEFAULT '[]';"
	"UPDATE runners SET allowed_labels = labels;"
	"ALTER TABLE runners ADD COLUMN refused_labels TEXT NOT NULL DEFAULT '[]';"
	"ALTER TABLE runners ADD COLUMN scope_owner TEXT COLLATE NOCASE;"
	"ALTER TABLE runners ADD COLUMN scope_repo_id INTEGER"
	" REFERENCES repositories ON DELETE CASCADE"
	" CHECK (scope_owner IS NULL OR scope_repo_id IS NULL);"
	"CREATE INDEX runners_scope_repo ON runners (scope_repo_id)"
	" WHERE scope_repo_id IS NOT NULL;"
	"CREATE TABLE policies ("
	" id INTEGER PRIMARY KEY,"
	" owner TEXT COLLATE NOCASE UNIQUE,"
	" repo_id INTEGER UNIQUE REFERENCES repositories ON DELETE CASCADE,"
	" disabled_at INTEGER, disabled_reason TEXT,"
	" allowed_runners TEXT NOT NULL DEFAULT '[]',"
	" max_repo_queued_runs INTEGER CHECK (max_repo_queued_runs > 0),"
	" max_repo_concurrent_jobs INTEGER CHECK (max_repo_concurrent_jobs > 0),"
	" max_owner_concurrent_jobs INTEGER CHECK (max_owner_concurrent_jobs > 0),"
	" actor_trigger_limit_per_hour INTEGER CHECK (actor_trigger_limit_per_hour > 0),"
	" CHECK ((owner IS NULL AND repo_id IS NULL) = (id = 1)),"
	" CHECK (owner IS NULL OR repo_id IS NULL));"
	"INSERT INTO policies (id) VALUES (1);"
	"ALTER TABLE workflow_jobs ADD COLUMN repo_id INTEGER NOT NULL DEFAULT 0;"
	"UPDATE workflow_jobs SET repo_id ="
	" (SELECT r.repo_id FROM workflow_runs r WHERE r.id = run_id);"
	"DROP INDEX workflow_jobs_waiting;"
	"DROP INDEX workflow_jobs_since;"
	"CREATE INDEX workflow_jobs_waiting ON workflow_jobs (repo_id, runs_on, id)"
	" WHERE status = 'queued' AND ready = 1;"
	"CREATE INDEX workflow_jobs_since ON workflow_jobs (repo_id, runs_on, ready_at)"
	" WHERE status = 'queued' AND ready = 1;"
	"CREATE INDEX workflow_jobs_running_repo ON workflow_jobs (repo_id)"
	" WHERE status = 'running';"
	"CREATE INDEX workflow_runs_actor ON workflow_runs (actor, created_at);",
	/* 26: users and organisations, which share their names, and who may what. Roles are enum
	 * role (access.h). A token was a name with all repositories within its reach: now it is a
	 * site admin of that name, or of token-<id> where the name is no login, so that it can do
	 * what it could; its scopes still narrow it. */
	"CREATE TABLE owners ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" login TEXT NOT NULL UNIQUE COLLATE NOCASE,"
	" kind TEXT NOT NULL CHECK (kind IN ('user', 'organisation')),"
	" site_admin INTEGER NOT NULL DEFAULT 0 CHECK (site_admin = 0 OR kind = 'user'),"
	" created_at INTEGER NOT NULL, disabled_at INTEGER);"
	"CREATE TABLE memberships ("
	" owner_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE,"
	" user_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE,"
	" role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),"
	" PRIMARY KEY (owner_id, user_id)) WITHOUT ROWID;"
	"CREATE INDEX memberships_user ON memberships (user_id);"
	"CREATE TABLE repo_collaborators ("
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" user_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE,"
	" role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),"
	" PRIMARY KEY (repo_id, user_id)) WITHOUT ROWID;"
	"CREATE INDEX repo_collaborators_user ON repo_collaborators (user_id);"
	"CREATE TEMP TABLE pat_logins AS SELECT id, CASE WHEN length(name) BETWEEN 1 AND 39"
	" AND name NOT GLOB '*[^A-Za-z0-9-]*' AND name NOT GLOB '-*' AND name NOT GLOB '*-'"
	" AND name NOT IN ('api', 'metrics', 'healthz', 'static', 'admin') THEN name"
	" ELSE 'token-' || (SELECT min(o.id) FROM pats o WHERE o.name = pats.name) END AS login"
	" FROM pats;"
	"INSERT OR IGNORE INTO owners (login, kind, site_admin, created_at)"
	" SELECT l.login, 'user', 1, p.created_at FROM pat_logins l JOIN pats p ON p.id = l.id"
	" ORDER BY l.id;"
	"INSERT OR IGNORE INTO owners (login, kind, created_at)"
	" SELECT owner, 'organisation', created_at FROM repositories ORDER BY id;"
	"CREATE TABLE pats_new ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" user_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE, name TEXT NOT NULL,"
	" token_sha256 BLOB NOT NULL UNIQUE, scopes INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,"
	" last_used_at INTEGER);"
	"INSERT INTO pats_new (id, user_id, name, token_sha256, scopes, created_at, expires_at,"
	" revoked_at) SELECT p.id, o.id, p.name, p.token_sha256, p.scopes, p.created_at,"
	" p.expires_at, p.revoked_at FROM pats p JOIN pat_logins l ON l.id = p.id"
	" JOIN owners o ON o.login = l.login;"
	"DROP TABLE pat_logins;"
	"DROP TABLE pats;"
	"ALTER TABLE pats_new RENAME TO pats;"
	"CREATE INDEX pats_user ON pats (user_id);"
	"ALTER TABLE repositories ADD COLUMN owner_id INTEGER REFERENCES owners;"
	"UPDATE repositories SET owner_id ="
	" (SELECT o.id FROM owners o WHERE o.login = repositories.owner);"
	"CREATE INDEX repositories_owner ON repositories (owner_id);",
	/* 27: pull requests: what is known of each, which commits of them somebody approved, and
	 * the answers to events that the host may send again; whose code a run is (enum run_trust)
	 */
	"CREATE TABLE pull_requests ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" number INTEGER NOT NULL, reported INTEGER NOT NULL, author TEXT COLLATE NOCASE,"
	" head_sha TEXT NOT NULL, base_ref TEXT NOT NULL,"
	" closed INTEGER NOT NULL, merged INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
	" UNIQUE (repo_id, number));"
	"CREATE INDEX pull_requests_merged ON pull_requests (repo_id, author) WHERE merged = 1;"
	"CREATE INDEX pull_requests_reported ON pull_requests (repo_id) WHERE reported = 1;"
	"CREATE TABLE pull_approvals ("
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" number INTEGER NOT NULL, head_sha TEXT NOT NULL, secrets INTEGER NOT NULL,"
	" approved_by TEXT NOT NULL, reason TEXT, created_at INTEGER NOT NULL,"
	" PRIMARY KEY (repo_id, number, head_sha)) WITHOUT ROWID;"
	"CREATE TABLE pull_deliveries ("
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" delivery_key TEXT NOT NULL, body_sha256 BLOB NOT NULL, answer TEXT NOT NULL,"
	" created_at INTEGER NOT NULL, PRIMARY KEY (repo_id, delivery_key)) WITHOUT ROWID;"
	"CREATE INDEX pull_deliveries_age ON pull_deliveries (created_at);"
	"ALTER TABLE workflow_runs ADD COLUMN pull_number INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN pull_head TEXT;"
	"ALTER TABLE workflow_runs ADD COLUMN trust INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN awaits_approval INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN approved_by TEXT;"
	"ALTER TABLE workflow_runs ADD COLUMN approved_at INTEGER;"
	"ALTER TABLE workflow_runs ADD COLUMN approve_reason TEXT;"
	"CREATE INDEX workflow_runs_pull ON workflow_runs (repo_id, pull_number)"
	" WHERE pull_number > 0 AND status IN ('queued', 'running');",
	/* 28: environments with their rules, jobs that wait for one; secrets and variables of the
	 * site, owners, repositories and environments. `scope` is those three columns as one key.
	 */
	"CREATE TABLE environments ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" repo_id INTEGER NOT NULL REFERENCES repositories ON DELETE CASCADE,"
	" name TEXT NOT NULL COLLATE NOCASE, wait_minutes INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, UNIQUE (repo_id, name));"
	"CREATE TABLE environment_reviewers ("
	" environment_id INTEGER NOT NULL REFERENCES environments ON DELETE CASCADE,"
	" position INTEGER NOT NULL, login TEXT NOT NULL COLLATE NOCASE,"
	" PRIMARY KEY (environment_id, login)) WITHOUT ROWID;"
	"CREATE TABLE environment_branches ("
	" environment_id INTEGER NOT NULL REFERENCES environments ON DELETE CASCADE,"
	" position INTEGER NOT NULL, pattern TEXT NOT NULL,"
	" PRIMARY KEY (environment_id, position)) WITHOUT ROWID;"
	"ALTER TABLE workflow_jobs ADD COLUMN gate INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX workflow_jobs_gate ON workflow_jobs (run_id) WHERE gate = 1;"
	"CREATE TABLE job_gates ("
	" job_id INTEGER PRIMARY KEY REFERENCES workflow_jobs ON DELETE CASCADE,"
	" state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'rejected')),"
	" since INTEGER NOT NULL, wait_until INTEGER,"
	" decided_by TEXT, decided_at INTEGER, comment TEXT);"
	"CREATE INDEX job_gates_until ON job_gates (wait_until) WHERE wait_until IS NOT NULL;"
	"CREATE TABLE scoped_values ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind TEXT NOT NULL CHECK (kind IN ('secret', 'variable')),"
	" scope TEXT NOT NULL, owner TEXT COLLATE NOCASE,"
	" repo_id INTEGER REFERENCES repositories ON DELETE CASCADE,"
	" environment_id INTEGER REFERENCES environments ON DELETE CASCADE,"
	" name TEXT NOT NULL COLLATE NOCASE, value BLOB NOT NULL, updated_at INTEGER NOT NULL,"
	" UNIQUE (kind, scope, name),"
	" CHECK ((owner IS NOT NULL) + (repo_id IS NOT NULL) + (environment_id IS NOT NULL)"
	" <= 1));"
	"CREATE INDEX scoped_values_repo ON scoped_values (repo_id) WHERE repo_id IS NOT NULL;"
	"CREATE INDEX scoped_values_environment ON scoped_values (environment_id)"
	" WHERE environment_id IS NOT NULL;"
	"INSERT OR IGNORE INTO scoped_values (kind, scope, repo_id, name, value, updated_at)"
	" SELECT 'secret', 'repository:' || repo_id, repo_id, name, sealed, updated_at"
	" FROM secrets ORDER BY updated_at DESC;"
	"INSERT OR IGNORE INTO scoped_values (kind, scope, repo_id, name, value, updated_at)"
	" SELECT 'variable', 'repository:' || v.repo_id, v.repo_id, v.name,"
	" CAST(v.value AS BLOB), r.created_at FROM variables v"
	" JOIN repositories r ON r.id = v.repo_id;"
	"DROP TABLE secrets;"
	"DROP TABLE variables;",
	/* 29: a webhook whose URL was no site admin's choice leads to public addresses alone */
	"ALTER TABLE webhooks ADD COLUMN public_only INTEGER NOT NULL DEFAULT 0;",
	/* 30: what a job at the gate waits for, beside the job's own reason */
	"ALTER TABLE job_gates ADD COLUMN why TEXT;"
	"UPDATE job_gates SET why = (SELECT j.reason FROM workflow_jobs j WHERE j.id = job_id);"
	"UPDATE workflow_jobs SET reason = NULL WHERE gate = 1 AND status = 'queued';",
	/* 31: runs of a pull request's merge are found by its head */
	"DROP INDEX workflow_runs_commit;"
	"CREATE INDEX workflow_runs_checked ON workflow_runs"
	" (repo_id, ifnull(pull_head, head_sha), workflow_file, event, id DESC);",
	/* 32: what the coordinator says behind the bytes of a log that are held back */
	"ALTER TABLE workflow_steps ADD COLUMN log_note TEXT;",
	/* 33: runs whose file was fine, but which were not admitted or could not be planned */
	"ALTER TABLE workflow_runs ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;",
	/* 34: when the job waited in a store that was restored, seconds since 1970; 0: never */
	"ALTER TABLE workflow_jobs ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;",
	/* 35: the sizes of all logs of a job and of a run, and logs of which nothing more is kept
	 */
	"ALTER TABLE workflow_steps ADD COLUMN log_full INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_jobs ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE workflow_runs ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;"
	"UPDATE workflow_jobs SET log_bytes = ifnull((SELECT sum(s.log_bytes)"
	" FROM workflow_steps s WHERE s.job_id = workflow_jobs.id), 0)"
	" WHERE status IN ('queued', 'running');"
	"UPDATE workflow_runs SET log_bytes = ifnull((SELECT sum(j.log_bytes)"
	" FROM workflow_jobs j WHERE j.run_id = workflow_runs.id), 0)"
	" WHERE status IN ('queued', 'running');",
	/* 36: evidence of a runner within an hour, and what is too old */
	"CREATE INDEX hygiene_records_runner ON hygiene_records (runner_id, created_at);"
	"CREATE INDEX hygiene_records_age ON hygiene_records (created_at);",
	/* 37: from where a user called */
	"ALTER TABLE audit_log ADD COLUMN address TEXT;",
	/* 38: the newest run of each name of a commit */
	"DROP INDEX workflow_runs_checked;"
	"CREATE INDEX workflow_runs_checked ON workflow_runs"
	" (repo_id, ifnull(pull_head, head_sha), workflow_file, event, workflow_name, id DESC);",
	/* 39: passwords of users (digests, password.h) and sessions of browsers */
	"ALTER TABLE owners ADD COLUMN password TEXT;"
	"CREATE TABLE sessions ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" user_id INTEGER NOT NULL REFERENCES owners ON DELETE CASCADE,"
	" token_sha256 BLOB NOT NULL UNIQUE, agent TEXT NOT NULL,"
	" created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,"
	" last_used_at INTEGER NOT NULL);"
	"CREATE INDEX sessions_user ON sessions (user_id);"
	"CREATE INDEX sessions_expiry ON sessions (expires_at);",
	/* 40: how far the runs of a push are made: the next ref and the next file of its commit */
	"ALTER TABLE push_journal ADD COLUMN next_ref INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE push_journal ADD COLUMN next_file INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE push_journal ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE push_journal ADD COLUMN jobs INTEGER NOT NULL DEFAULT 0;",
	/* 41: summaries of steps, and where in one a log stands */
	"CREATE TABLE summaries ("
	" step_id INTEGER PRIMARY KEY REFERENCES workflow_steps ON DELETE CASCADE,"
	" job_id INTEGER NOT NULL REFERENCES workflow_jobs ON DELETE CASCADE,"
	" text BLOB NOT NULL);"
	"CREATE INDEX summaries_job ON summaries (job_id);"
	"ALTER TABLE workflow_steps ADD COLUMN summary_line BLOB;",
	/* 42: the lines of a step's log, -1: not counted; where an annotation stands in it */
	"ALTER TABLE workflow_steps ADD COLUMN log_lines INTEGER NOT NULL DEFAULT 0;"
	"UPDATE workflow_steps SET log_lines = -1 WHERE log_bytes > 0;"
	"ALTER TABLE annotations ADD COLUMN log_line INTEGER;",
	/* 43: counts of jobs */
	SCHEMA_COUNTS,
	/* 44: indexes of expressions as statements for every database write them */
	"DROP INDEX webhooks_url;"
	"CREATE UNIQUE INDEX webhooks_url ON webhooks (coalesce(repo_id, 0), url);"
	"DROP INDEX workflow_runs_checked;"
	"CREATE INDEX workflow_runs_checked ON workflow_runs"
	" (repo_id, coalesce(pull_head, head_sha), workflow_file, event, workflow_name, id DESC);",
	STEP_45("TEXT", "INTEGER"),
	STEP_46("TEXT", "INTEGER", "INTEGER PRIMARY KEY AUTOINCREMENT"),
	STEP_47("TEXT", "INTEGER", "BLOB"),
	STEP_48("TEXT", "INTEGER"),
	STEP_49("TEXT", "INTEGER", "INTEGER PRIMARY KEY AUTOINCREMENT",
		"CAST(strftime('%s', 'now') AS INTEGER) * 1000000", ""),
	STEP_50,
	STEP_51("TEXT", "INTEGER"),
	STEP_52("INTEGER", "BLOB"),
};
