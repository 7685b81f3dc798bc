/* The messages between job, fetcher and tree writer; the first byte chooses the reader. */
#include "checkout/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data + 1, size - 1 };
	struct request_copy request = { 0 };
	struct end_message end = { 0 };
	struct report_message report = { 0 };

	if (size && data[0] % 3 == 0 && request_decode(text, &request, NULL) == 0) {
		struct checkout_request view = request_view(&request);

		if (checkout_request_check(&view, NULL) == 0 && !strstr(view.url, "://"))
			abort();
	}
	if (size && data[0] % 3 == 1 && end_decode(text, &end, NULL) == 0 &&
		end.refs.names.n != end.refs.oids.n)
		abort();
	if (size && data[0] % 3 == 2 && report_decode(text, &report, NULL) == 0 &&
		report.kind == REPORT_LINE && !report.line)
		abort();
	report_message_release(&report);
	request_copy_release(&request);
	end_message_release(&end);
	return 0;
}
