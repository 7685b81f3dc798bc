/* Whoever may open the data folder may approve. */
#include "coordinator/admin/run_approve.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/admin/audit.h"
#include "coordinator/queue/approve.h"

struct approve_options {
	int64_t id;
	struct approval approval;
};

/* Who approved stands with the run, and once more in the audit table. */
static int approve_commit(
	struct admin *a, const struct approve_options *o, int64_t *ret_started, struct err *e)
{
	CLEAN_STR char *who = admin_actor();
	struct approval approval = o->approval;
	CLEAN_TX struct store_tx tx = { 0 };

	approval.by = who;
	if (store_begin(a->store, &tx, e) < 0 ||
		store_run_approve(a->store, o->id, &approval, wall_now(), ret_started, e) < 0 ||
		admin_audit_id(
			a, approve_verb(approval.secrets), "run", o->id, approval.reason, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int approve_run(struct admin *a, void *options, struct err *e)
{
	const struct approve_options *o = options;
	int64_t started = 0;

	if (approve_commit(a, o, &started, e) < 0)
		return -1;
	admin_wake(a);
	if (!a->json) {
		printf("the commit of run %" PRId64 " is approved%s, %" PRId64
		       " of its runs start\n",
			o->id, o->approval.secrets ? " with secrets" : "", started);
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "run_id", o->id);
	json_kv_bool(&a->w, "secrets", o->approval.secrets);
	json_kv_int(&a->w, "started", started);
	json_end_object(&a->w);
	return 0;
}

int admin_run_approve(int argc, char **argv)
{
	struct approve_options o = { 0 };
	const struct cli_flag flags[] = {
		ADMIN_ID_FLAG(o.id, "the run"),
		{ "reason", CLI_STRING, &o.approval.reason, "TEXT", "why; kept with the run" },
		{ "with-secrets", CLI_BOOL, &o.approval.secrets, NULL,
			"also give its jobs secrets and variables" },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.work = approve_run });
}
