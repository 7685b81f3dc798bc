/* What job and artifact child say to each other, taken as anything that the other side may send. */
#include "artifact/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct artifact_order order = { 0 };
	struct artifact_result result = { 0 };
	struct err e = { 0 };
	CLEAN_STR char *line = NULL;

	if (artifact_request_decode(text, &order, &e) == 0 &&
		artifact_request_check(&order.r, &e) < 0)
		abort();
	artifact_order_release(&order);
	if (artifact_report_decode(text, &line, &result, &e) == 1 && !line)
		abort();
	return 0;
}
