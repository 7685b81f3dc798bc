/* What the store says. */
#include <inttypes.h>

#include "base/fs.h"
#include "coordinator/doctor/doctor.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/file.h"
#include "coordinator/store/push.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/schema.h"

#define STALE_US (120 * USEC_PER_SEC)
enum { NAMED_MAX = 3, OUT_MAX = 8192 };

void check_schema(const struct coordinator_facts *f, struct doctor_row *r)
{
	int64_t have = store_schema_version(f->store), newest = store_schema_newest();

	if (have < 0)
		doctor_say(r, DOCTOR_FAIL, "the version cannot be read");
	else if (have > newest)
		doctor_say(r, DOCTOR_FAIL, "%" PRId64 " is newer than this program's %" PRId64,
			have, newest);
	else if (have < newest)
		doctor_say(r, DOCTOR_WARN, "%" PRId64 ", this program's is %" PRId64, have, newest);
	else
		doctor_say(r, DOCTOR_PASS, "%" PRId64, have);
}

void check_integrity(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct err e = { 0 };

	if (sql_is_postgres(f->store)) {
		doctor_say(r, DOCTOR_SKIP, "in PostgreSQL, which pg_amcheck checks");
		return;
	}
	if (store_quick_check(f->store, &out, &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else if (out.len)
		doctor_say(
			r, DOCTOR_FAIL, "%.*s", (int)strcspn(buf_cstr(&out), "\n"), buf_cstr(&out));
	else
		doctor_say(r, DOCTOR_PASS, "quick_check is ok");
}

void check_foreign_keys(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct err e = { 0 };
	int64_t n;

	if (sql_is_postgres(f->store)) {
		doctor_say(r, DOCTOR_SKIP, "PostgreSQL takes no row that refers to none");
		return;
	}
	if (store_foreign_keys(f->store, &n, &out, &e) < 0)
		doctor_say(r, DOCTOR_FAIL, "%s", e.text);
	else if (n)
		doctor_say(r, DOCTOR_FAIL, "%" PRId64 " rows refer to nothing, the first in %s", n,
			buf_cstr(&out));
	else
		doctor_say(r, DOCTOR_PASS, "every row finds what it refers to");
}

/* ---- runners and pushes ---- */

static void trouble_say(const struct runner_row *one, struct doctor_row *r)
{
	char since[WALL_TEXT_MAX];

	doctor_say(r, DOCTOR_WARN, "%s, %s since %s: %s", one->name,
		runner_trouble_words(one->trouble), wall_format(one->trouble_since, since),
		one->trouble_text);
}

void check_runners(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEANUP(runner_list_release) struct runner_list l = { 0 };
	struct err e = { 0 };
	size_t stale = 0, troubled = 0;

	if (store_runner_list(f->store, &l, &e) < 0) {
		doctor_unproved(r, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < l.n; i++) {
		const struct runner_row *one = &l.v[i];

		if (one->trouble && !one->revoked_at.us && troubled++ < NAMED_MAX)
			trouble_say(one, r);
		if (one->revoked_at.us || one->trouble || one->offline_at.us ||
			!one->last_heartbeat_at.us ||
			f->now.us - one->last_heartbeat_at.us < STALE_US)
			continue;
		if (stale++ < NAMED_MAX)
			doctor_say(r, DOCTOR_WARN, "%s has sent no heartbeat for %" PRId64 " s",
				one->name, (f->now.us - one->last_heartbeat_at.us) / USEC_PER_SEC);
	}
	doctor_say(r, DOCTOR_PASS, "%zu runners, %zu silent, %zu in trouble", l.n, stale, troubled);
}

void check_pushes(const struct coordinator_facts *f, struct doctor_row *r)
{
	CLEANUP(push_rows_release) struct push_rows l = { 0 };
	struct err e = { 0 };
	size_t failed = 0;

	if (store_push_list(f->store, &l, &e) < 0) {
		doctor_unproved(r, "%s", e.text);
		return;
	}
	for (size_t i = 0; i < l.n; i++)
		failed += l.v[i].attempts > 0;
	doctor_say(r, failed ? DOCTOR_WARN : DOCTOR_PASS,
		"%zu pushes under way, for %zu of them runs could not be made", l.n, failed);
}
