/*
 * Who an operator is: the user of this process, or the one who became root through sudo. The kernel
 * knows the first; the second is what sudo left in the environment, which only root could have
 * written differently, and root could write the store as well.
 */
#include "coordinator/admin/audit.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "coordinator/view/row_json.h"

/* ---- record ---- */

char *admin_operator(int64_t *ret_uid)
{
	const char *sudo_uid = getenv("SUDO_UID"), *sudo_user = getenv("SUDO_USER");

	if (geteuid() == 0 && sudo_user && sudo_uid &&
		parse_i64(sudo_uid, 0, UINT32_MAX, ret_uid) && *sudo_user)
		return xstrdup(sudo_user);
	*ret_uid = getuid();
	/* cppcheck-suppress getpwuidCalled ; one thread */
	const struct passwd *p = getpwuid(getuid());
	return p ? xstrdup(p->pw_name) : NULL;
}

char *admin_actor(void)
{
	const struct admin_caller *caller = admin_caller();
	int64_t uid;

	if (caller)
		return xstrdup(caller->login);
	char *name = admin_operator(&uid);
	return name ? name : xstrdup("an operator");
}

int admin_audit(struct admin *a, struct audit_entry entry, struct err *e)
{
	const struct admin_caller *caller = admin_caller();
	CLEAN_STR char *who = caller ? xstrdup(caller->login) : admin_operator(&entry.who_id);

	entry.by = caller ? AUDIT_USER : AUDIT_OPERATOR;
	if (caller)
		entry.who_id = caller->user_id;
	entry.who = who;
	entry.address = caller ? caller->address : NULL;
	return store_audit_record(a->store, &entry, wall_now(), e);
}

int admin_audit_id(struct admin *a, const char *verb, const char *kind, int64_t id,
	const char *reason, struct err *e)
{
	char target[24];

	snprintf(target, sizeof(target), "%" PRId64, id);
	return admin_audit(a,
		(struct audit_entry){
			.verb = verb, .target_kind = kind, .target = target, .reason = reason },
		e);
}

/* ---- list ---- */

struct list_options {
	const char *since, *until, *target;
	char *kind;
	struct audit_filter filter;
};

/* A time, or how long ago it was. */
static int moment_parse(const char *flag, const char *text, struct wall *ret, struct err *e)
{
	int64_t ago;

	if (!text || wall_parse(text, ret, NULL) == 0)
		return 0;
	if (duration_parse(text, &ago, NULL) < 0)
		return err_set(e, ERR_INPUT,
			"--%s %.40s: expected a time such as 2026-01-31T12:00:00Z, or how long "
			"ago, such as 24h",
			flag, text);
	ret->us = wall_now().us - ago;
	return 0;
}

static int check_list(struct admin *a UNUSED, void *options, struct err *e)
{
	struct list_options *o = options;

	if (moment_parse("since", o->since, &o->filter.since, e) < 0 ||
		moment_parse("until", o->until, &o->filter.until, e) < 0)
		return -1;
	if (!o->target)
		return 0;
	const char *colon = strchr(o->target, ':');
	o->kind = xstrndup(o->target, strcspn(o->target, ":"));
	if (!*o->kind || (colon && !colon[1]))
		return err_set(e, ERR_INPUT,
			"--target %.100s: expected KIND or KIND:ID, such as runner:3 or "
			"repository:acme/app",
			o->target);
	o->filter.target_kind = o->kind;
	o->filter.target = colon ? colon + 1 : NULL;
	return 0;
}

static void entry_write(struct json_writer *w, const struct audit_row *r)
{
	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	kv_time(w, "at", r->at);
	json_key(w, "actor");
	json_begin_object(w);
	json_kv_str(w, "kind", r->by);
	json_kv_int(w, "id", r->who_id);
	json_kv_str(w, "name", r->who);
	json_kv_str(w, "address", r->address);
	json_end_object(w);
	json_kv_str(w, "verb", r->verb);
	json_key(w, "target");
	json_begin_object(w);
	json_kv_str(w, "kind", r->target_kind);
	json_kv_str(w, "id", r->target);
	json_end_object(w);
	json_kv_str(w, "reason", r->reason);
	json_kv_str(w, "outcome", r->outcome);
	json_end_object(w);
}

static const struct table_column columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "AT" },
	{ "WHO" },
	{ "FROM" },
	{ "VERB" },
	{ "TARGET" },
	{ "OUTCOME" },
	{ "REASON" },
};
static const struct admin_list entries = { ADMIN_LIST("audit entries", columns), .limit = 50,
	.order = ADMIN_BY_ID_DOWN };

static void entry_show(struct table *t, const struct audit_row *r)
{
	table_int(t, r->id);
	table_time(t, r->at);
	table_addf(t, "%s %s (%" PRId64 ")", r->by, r->who ? r->who : "-", r->who_id);
	table_text(t, r->address);
	table_text(t, r->verb);
	table_addf(t, "%s%s%s", r->target_kind, r->target ? ":" : "", r->target ? r->target : "");
	table_text(t, r->outcome);
	table_text(t, r->reason);
}

static int list_entries(struct admin *a, void *options, struct err *e)
{
	struct list_options *o = options;
	CLEANUP(audit_rows_release) struct audit_rows l = { 0 };
	int64_t total;

	o->filter.page = a->page;
	if (store_audit_count(a->store, &o->filter, &total, e) < 0 ||
		store_audit_list(a->store, &o->filter, &l, e) < 0)
		return -1;
	admin_total(a, total);
	for (size_t i = 0; i < l.n; i++) {
		if (!admin_row_id(a, l.v[i].id))
			continue;
		if (a->json)
			entry_write(&a->w, &l.v[i]);
		else
			entry_show(&a->table, &l.v[i]);
	}
	return 0;
}

int admin_audit_list(int argc, char **argv)
{
	struct list_options o = { 0 };
	const struct cli_flag flags[] = {
		{ "since", CLI_STRING, &o.since, "TIME",
			"not before: a time, or 24h for a day ago" },
		{ "until", CLI_STRING, &o.until, "TIME", "before: likewise" },
		{ "target", CLI_STRING, &o.target, "KIND[:ID]",
			"only this, such as runner:3, repository:acme/app, owner:acme, site" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.list = &entries,
			.check = check_list,
			.work = list_entries });

	free(o.kind);
	return code;
}
