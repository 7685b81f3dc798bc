/*
 * Retention from the command line. It is a verb and not a timer of serve, because it may take long
 * and would hold up the calls on the application's thread; both work on one data folder at a time
 * without disturbing each other (coordinator/object/retention.h).
 */
#include "coordinator/admin/cleanup.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/admin/admin.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/retention.h"

struct cleanup_options {
	int64_t chunks, runs, jwt, evidence; /* days */
};

static int check(struct admin *a, void *options UNUSED, struct err *e)
{
	if (a->n_args == 1 && str_eq(a->args[0], "workflow:cleanup"))
		return 0;
	return err_set(e, ERR_INPUT, "job \"%.100s\", expected workflow:cleanup",
		a->n_args ? a->args[0] : "");
}

static int run_cleanup(struct admin *a, void *options, struct err *e)
{
	const struct cleanup_options *o = options;
	struct retention r = { DAYS_US(o->chunks), DAYS_US(o->runs), DAYS_US(o->jwt),
		DAYS_US(o->evidence) };
	CLEAN_OBJECTS struct objects *objects = objects_open_published(a->data_dir, e);
	struct app app = { .store = a->store, .objects = objects };
	struct retention_done d;

	if (!objects || retention_run(&app, &r, wall_now(), &d, e) < 0)
		return -1;
	if (!a->json) {
		printf("log chunks archived %" PRId64 ", artifacts removed %" PRId64
		       ", runs removed %" PRId64 ", used tokens forgotten %" PRId64
		       ", records of evidence removed %" PRId64 "\n",
			d.chunks, d.blobs, d.runs, d.jwt_used, d.evidence);
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "chunks", d.chunks);
	json_kv_int(&a->w, "blobs", d.blobs);
	json_kv_int(&a->w, "runs", d.runs);
	json_kv_int(&a->w, "jwt_used", d.jwt_used);
	json_kv_int(&a->w, "evidence", d.evidence);
	json_end_object(&a->w);
	return 0;
}

int verb_run_job(int argc, char **argv)
{
	struct cleanup_options o = { KEEP_CHUNKS_DAYS, KEEP_RUNS_DAYS, KEEP_JWT_DAYS,
		KEEP_EVIDENCE_DAYS };
	const struct cli_flag flags[] = {
		{ "keep-chunks-days", CLI_INT, &o.chunks, "N", "logs in the store (7)", 0, 36500 },
		{ "keep-runs-days", CLI_INT, &o.runs, "N", "runs that are not pinned (365)", 1,
			36500 },
		{ "keep-tokens-days", CLI_INT, &o.jwt, "N", "ids of used tokens (30)", 1, 36500 },
		{ "keep-evidence-days", CLI_INT, &o.evidence, "N", "evidence of hygiene (365)", 1,
			36500 },
	};

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.max_args = 1,
			.check = check,
			.work = run_cleanup });
}
