/* Any bytes as a workflow file: either a workflow or at least one problem line. */
#include "workflow/workflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	int rc = workflow_parse("f.yml", (const char *)data, size, &w, &problems);

	if ((rc == 0) != (problems.n == 0) || (rc == 0 && w.n_jobs == 0))
		abort();
	return 0;
}
