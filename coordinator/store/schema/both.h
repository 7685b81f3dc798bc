/* Steps since both databases are served, written once: what comes in is each one's word for a text,
 * a number and the number of a row that is never given again. */
#ifndef COORDINATOR_STORE_SCHEMA_BOTH_H
#define COORDINATOR_STORE_SCHEMA_BOTH_H

/* Laid out by hand, as clang-format breaks texts between macros into pieces. */
/* clang-format off */

/* what keeps a runner from work, in its own words; NULL: it is well, or never said */
#define STEP_45(text, number) \
	"ALTER TABLE runners ADD COLUMN trouble " text ";" \
	"ALTER TABLE runners ADD COLUMN trouble_text " text ";" \
	"ALTER TABLE runners ADD COLUMN trouble_since " number ";" \
	"ALTER TABLE runners ADD COLUMN trouble_at " number ";"

/* who a user is at an OpenID Connect provider; subject NULL: invited, not come yet */
#define STEP_46(text, number, id) \
	"CREATE TABLE identities (id " id "," \
	" user_id " number " NOT NULL REFERENCES owners ON DELETE CASCADE," \
	" issuer " text " NOT NULL, subject " text ", created_at " number " NOT NULL," \
	" last_used_at " number ", UNIQUE (issuer, subject), UNIQUE (user_id, issuer));"

/* when the bytes of archived logs came; why a line of a schedule starts no more runs */
#define STEP_47(text, number, bytes) \
	"CREATE TABLE log_times (" \
	" step_id " number " PRIMARY KEY REFERENCES workflow_steps ON DELETE CASCADE," \
	" packed " bytes " NOT NULL);" \
	"ALTER TABLE schedules ADD COLUMN dropped_at " number ";" \
	"ALTER TABLE schedules ADD COLUMN dropped_why " text ";"

/* what every serve on this store must agree on */
#define STEP_48(text, number) \
	"CREATE TABLE facts (name " text " PRIMARY KEY, value " text " NOT NULL," \
	" said_at " number " NOT NULL);"

/* The serves of a store, each with a lease in the database's own time (a file's has none: it is alone,
 * and its row ends with the next one's start); which of them leads; and whose
 * a claim on its way, a push, a runner's last heartbeat and a webhook that is being sent are. A
 * push that another serve took over stays as filed, for the one that may still be at it. */
#define STEP_49(text, number, id, clock, live) \
	"CREATE TABLE instances (id " id ", name " text " NOT NULL, version " text " NOT NULL," \
	" started_at " number " NOT NULL, until " number " NOT NULL);" \
	"CREATE TABLE leader (id " number " PRIMARY KEY, instance " number "," \
	" until " number " NOT NULL);" \
	"INSERT INTO leader (id, until) VALUES (1, 0);" \
	"CREATE VIEW clock AS SELECT " clock " AS us;" \
	"CREATE VIEW live_instances AS SELECT id FROM instances" live ";" \
	"ALTER TABLE workflow_jobs ADD COLUMN claim_instance " number ";" \
	"ALTER TABLE runners ADD COLUMN heartbeat_instance " number ";" \
	"ALTER TABLE webhooks ADD COLUMN sender " number ";" \
	"ALTER TABLE push_journal ADD COLUMN instance " number ";" \
	"ALTER TABLE push_journal ADD COLUMN filed_at " number ";"

/* what waits, in one index and in the order of claims: with a second one PostgreSQL took that and
 * sorted the whole queue for each claim */
#define STEP_50 \
	"DROP INDEX workflow_jobs_waiting;" \
	"DROP INDEX workflow_jobs_since;" \
	"CREATE INDEX workflow_jobs_waiting ON workflow_jobs (repo_id, runs_on, id, ready_at)" \
	" WHERE status = 'queued' AND ready = 1;"

/* rows are being copied into this store, which nobody may use before all are there: from where, and
 * how far */
#define STEP_51(text, number) \
	"CREATE TABLE store_copy (id " number " PRIMARY KEY CHECK (id = 1)," \
	" source " text " NOT NULL, at_table " text " NOT NULL, rows " number " NOT NULL);"

/* counts that every serve on this store adds to: failed tries by keyed hash, a runner's heartbeats in
 * the minute that the first of them began; and what is good once */
#define STEP_52(number, bytes) \
	"CREATE TABLE tries (who " bytes " PRIMARY KEY, n " number " NOT NULL," \
	" since " number " NOT NULL);" \
	"CREATE INDEX tries_since ON tries (since);" \
	"CREATE INDEX tries_fewest ON tries (n, since);" \
	"CREATE TABLE spent (what " bytes " PRIMARY KEY, until " number " NOT NULL);" \
	"CREATE INDEX spent_until ON spent (until);" \
	"ALTER TABLE runners ADD COLUMN beats " number " NOT NULL DEFAULT 0;" \
	"ALTER TABLE runners ADD COLUMN beats_since " number ";"

/* clang-format on */

#endif
