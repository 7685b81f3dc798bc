/*
 * Entries of the audit table. Names and targets are texts, not references: an entry must still say
 * whom it was about when runner, repository or user are gone.
 */
#include "coordinator/store/audit.h"

#include <inttypes.h>

#include "base/utf8.h"
#include "coordinator/sql/row.h"

static const char *const by_words[] = {
	[AUDIT_OPERATOR] = "operator",
	[AUDIT_USER] = "user",
	[AUDIT_COORDINATOR] = "coordinator",
};

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, audit_row, id),
	COLUMN("at", COLUMN_WALL, audit_row, at),
	COLUMN("actor_kind", COLUMN_TEXT, audit_row, by),
	COLUMN("coalesce(actor_id, 0)", COLUMN_INT, audit_row, who_id),
	COLUMN("actor", COLUMN_TEXT, audit_row, who),
	COLUMN("verb", COLUMN_TEXT, audit_row, verb),
	COLUMN("target_kind", COLUMN_TEXT, audit_row, target_kind),
	COLUMN("target", COLUMN_TEXT, audit_row, target),
	COLUMN("reason", COLUMN_TEXT, audit_row, reason),
	COLUMN("outcome", COLUMN_TEXT, audit_row, outcome),
	COLUMN("address", COLUMN_TEXT, audit_row, address),
};
static const struct row_type audit_type = ROW_TYPE(audit_row, columns);

void audit_rows_release(struct audit_rows *l)
{
	LIST_RELEASE(&audit_type, l);
}

const char *audit_by_text(enum audit_by by)
{
	return by_words[by];
}

/* NULL stays NULL. */
static char *cut(const char *text)
{
	return text ? xstrndup(text, utf8_cut(text, AUDIT_TEXT_MAX)) : NULL;
}

static int record(struct store *s, const struct audit_entry *r, struct wall now, int64_t *ret_id,
	struct err *e)
{
	CLEAN_STR char *who = cut(r->who);
	CLEAN_STR char *target = cut(r->target);
	CLEAN_STR char *reason = cut(r->reason);
	CLEAN_STR char *outcome = cut(r->outcome);

	return sql_int(s, ret_id, e,
		       "INSERT INTO audit_log (at, actor_kind, actor_id, actor, verb, target_kind,"
		       " target, reason, outcome, address) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		       " RETURNING id",
		       "wtittttttt", now, audit_by_text(r->by), r->who_id, who, r->verb,
		       r->target_kind, target, reason, outcome ? outcome : "done", r->address) > 0
		       ? 0
		       : -1;
}

int store_audit_record(struct store *s, const struct audit_entry *r, struct wall now, struct err *e)
{
	int64_t id;

	return record(s, r, now, &id, e);
}

#define BEGUN "begun"

int store_audit_begin(struct store *s, const struct audit_entry *r, struct wall now,
	int64_t *ret_id, struct err *e)
{
	struct audit_entry entry = *r;

	entry.outcome = BEGUN;
	return record(s, &entry, now, ret_id, e);
}

int store_audit_end(struct store *s, int64_t id, const char *outcome, struct err *e)
{
	CLEAN_STR char *text = cut(outcome);

	return sql_run(s, e,
		"UPDATE audit_log SET outcome = ?2 WHERE id = ?1 AND outcome = '" BEGUN "'", "it",
		id, text);
}

/* Entries are never removed. */
static int entry_time(struct store *s, int64_t id, struct wall *ret, struct err *e)
{
	int64_t n = 0;

	if (sql_int(s, &n, e, "SELECT count(*) FROM audit_log WHERE id = ?", "i", id) < 0)
		return -1;
	if (!n)
		return err_set(e, ERR_INPUT, "there is no audit entry %" PRId64, id);
	return sql_int(s, &ret->us, e, "SELECT at FROM audit_log WHERE id = ?", "i", id);
}

int store_audit_list(
	struct store *s, const struct audit_filter *f, struct audit_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	struct wall until = f->until.us ? f->until : (struct wall){ INT64_MAX };
	struct wall since = f->since.us ? f->since : (struct wall){ INT64_MIN };
	struct wall seen = { INT64_MAX };

	if (f->page.after && entry_time(s, f->page.after, &seen, e) < 0)
		return -1;
	if ((f->target_kind ? row_select(s, &q, e, &audit_type,
				      "FROM audit_log WHERE target_kind = ?1"
				      " AND (?2 IS NULL OR target = ?2 COLLATE NOCASE)"
				      " AND at >= ?3 AND at < ?4 AND id < ?6"
				      " ORDER BY id DESC LIMIT ?5",
				      "ttwwii", f->target_kind, f->target, since, until,
				      f->page.limit, page_below(&f->page))
			    : row_select(s, &q, e, &audit_type,
				      "FROM audit_log WHERE at >= ?1 AND at < ?2"
				      " AND (at, id) < (?4, ?5)"
				      " ORDER BY at DESC, id DESC LIMIT ?3",
				      "wwiwi", since, until, f->page.limit, seen,
				      page_below(&f->page))) < 0)
		return -1;
	return LIST_READ(&q, &audit_type, ret, e);
}

int store_audit_count(struct store *s, const struct audit_filter *f, int64_t *ret, struct err *e)
{
	struct wall until = f->until.us ? f->until : (struct wall){ INT64_MAX };
	struct wall since = f->since.us ? f->since : (struct wall){ INT64_MIN };

	return f->target_kind ? sql_int(s, ret, e,
					"SELECT count(*) FROM audit_log WHERE target_kind = ?1"
					" AND (?2 IS NULL OR target = ?2 COLLATE NOCASE)"
					" AND at >= ?3 AND at < ?4",
					"ttww", f->target_kind, f->target, since, until)
			      : sql_int(s, ret, e,
					"SELECT count(*) FROM audit_log WHERE at >= ?1 AND at < ?2",
					"ww", since, until);
}
