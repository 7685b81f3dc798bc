/* Request bodies of the API: the first byte picks which one. */
#include "coordinator/api/body.h"
#include "coordinator/api/pull_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct slice text = { (const char *)data + 1, size - 1 };
	struct err e = { 0 };
	struct heartbeat_body beat = { 0 };
	struct state_report report = { 0 };
	struct log_body log = { 0 };
	struct artifact_body artifact = { 0 };
	struct evidence_body evidence = { 0 };
	struct outputs_body outputs = { 0 };
	struct admin_body admin = { 0 };
	struct pull_body pull = { 0 };
	struct approve_body approve = { 0 };
	struct review_body review = { 0 };
	struct dispatch_body dispatch = { 0 };
	struct trouble_body trouble = { 0 };
	int rc = data[0] == 'h'   ? heartbeat_parse(text, &beat, &e)
		 : data[0] == 's' ? report_parse(text, &report, &e)
		 : data[0] == 'l' ? log_parse(text, &log, &e)
		 : data[0] == 'u' ? artifact_upload_parse(text, &artifact, &e)
		 : data[0] == 'e' ? evidence_parse(text, &evidence, &e)
		 : data[0] == 'a' ? artifact_list_parse(text, &artifact, &e)
		 : data[0] == 'v' ? admin_body_parse(text, &admin, &e)
		 : data[0] == 'o' ? outputs_parse(text, &outputs, &e)
		 : data[0] == 'p' ? pull_body_parse(text, &pull, &e)
		 : data[0] == 'w' ? approve_parse(text, &approve, &e)
		 : data[0] == 'r' ? review_parse(text, &review, &e)
		 : data[0] == 'd' ? dispatch_parse(text, &dispatch, &e)
		 : data[0] == 't' ? trouble_parse(text, &trouble, &e)
				  : empty_parse(text, &e);
	if (rc && !e.text[0])
		abort(); /* every refusal says why */
	heartbeat_release(&beat);
	log_release(&log);
	artifact_body_release(&artifact);
	evidence_release(&evidence);
	outputs_release(&outputs);
	admin_body_release(&admin);
	pull_body_release(&pull);
	approve_release(&approve);
	review_release(&review);
	dispatch_release(&dispatch);
	trouble_release(&trouble);
	return 0;
}
