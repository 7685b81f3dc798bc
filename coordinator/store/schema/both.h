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

/* clang-format on */

#endif
