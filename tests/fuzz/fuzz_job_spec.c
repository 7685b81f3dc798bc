/* A claim: hostile JSON into a typed job, and the salvage of its identity. */
#include "runner/claim/identity.h"
#include "runner/claim/job_spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct claim_identity id;
	struct err e = { 0 };
	struct job_spec *s = job_spec_parse((const char *)data, size, &e);

	if (!s && e.class == ERR_NONE)
		BUG("refused without a reason");
	job_spec_free(s);
	claim_identity_scan((const char *)data, size, &id);
	claim_identity_release(&id);
	return 0;
}
