/* Request bodies of the API: the first byte picks which one. */
#include "coordinator/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct slice text = { (const char *)data + 1, size - 1 };
	struct err e = { 0 };
	struct heartbeat_body beat = { 0 };
	struct report report = { 0 };
	struct log_body log = { 0 };
	struct artifact_body artifact = { 0 };
	struct evidence_body evidence = { 0 };
	int rc = data[0] == 'h'   ? heartbeat_parse(text, &beat, &e)
		 : data[0] == 's' ? report_parse(text, &report, &e)
		 : data[0] == 'l' ? log_parse(text, &log, &e)
		 : data[0] == 'u' ? artifact_upload_parse(text, &artifact, &e)
		 : data[0] == 'e' ? evidence_parse(text, &evidence, &e)
		 : data[0] == 'a' ? artifact_list_parse(text, &artifact, &e)
				  : empty_parse(text, &e);
	if (rc && !e.text[0])
		abort(); /* every refusal says why */
	heartbeat_release(&beat);
	log_release(&log);
	artifact_body_release(&artifact);
	evidence_release(&evidence);
	return 0;
}
