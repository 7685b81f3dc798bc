/*
 * json_scan finds the ids in text that the strict parser refuses. Where the two disagree about
 * whose claim it is, the job does not run (job_spec.c decides nothing here): slot and workspace
 * belong to the job that was found by this scan.
 */
#include "runner/claim/identity.h"

#include "base/json.h"
#include "base/limits.h"

/* Anything else would not go into a header, or into more than one. */
bool job_token_ok(const char *token)
{
	size_t n = token ? strlen(token) : 0;

	for (size_t i = 0; i < n; i++)
		if (token[i] <= ' ' || token[i] > '~')
			return false;
	return n > 0 && n <= LIMIT_TOKEN;
}

static int64_t scan_id(const char *text)
{
	int64_t id = 0;

	return text && parse_i64(text, 1, INT64_MAX, &id) ? id : 0;
}

void claim_identity_scan(const char *claim, size_t n, struct claim_identity *ret)
{
	static const char *const paths[] = { "token", "job.id", "job.run_id", "job.steps.id" };
	char *found[ARRAY_LEN(paths)] = { NULL };

	json_scan(claim, n, paths, ARRAY_LEN(paths), found);
	*ret = (struct claim_identity){ .token = found[0],
		.job_id = scan_id(found[1]),
		.run_id = scan_id(found[2]),
		.step_id = scan_id(found[3]) };
	if (!job_token_ok(ret->token))
		wipe_charp(&ret->token);
	for (size_t i = 1; i < ARRAY_LEN(paths); i++)
		free(found[i]);
}

void claim_identity_release(struct claim_identity *i)
{
	wipe_charp(&i->token);
}
