/* Any bytes as a workflow file: either a workflow, whose matrices expand, or a problem line. Values
 * of matrices come from inputs that are lists and maps, as outputs of jobs may be anything. */
#include "workflow/leg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char CONTEXTS[] =
	"{\"inputs\":{\"l\":[1,\"a\",{\"k\":[true]}],\"m\":{\"v\":[1,2],\"exclude\":[{\"v\":1}],"
	"\"include\":[{\"x\":1}]},\"t\":\"[1]\"}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_JSON struct json_doc *doc = json_parse(CONTEXTS, strlen(CONTEXTS), NULL, NULL);
	struct expr_context c = { .root = expr_from_json(a, json_root(doc), 0) };
	int rc = workflow_parse("f.yml", (const char *)data, size, &w, &problems);

	expr_root_finish(a, &c.root);
	if ((rc == 0) != (problems.n == 0) || (rc == 0 && w.n_jobs == 0))
		abort();
	for (size_t i = 0; rc == 0 && i < w.n_jobs; i++) {
		struct matrix m = { 0 };
		struct err e = { 0 };
		bool tainted = leg_waits(&w.jobs[i]);

		if (leg_rows(&w.jobs[i], &c, &m, &tainted, &e) < 0 && !e.text[0])
			abort();
		matrix_release(&m);
	}
	return 0;
}
