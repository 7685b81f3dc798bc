/* Any bytes as the head of a receive-pack request; what the scan ends, the parser must not overrun.
 */
#include "coordinator/trigger/push.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct push_scan scan = { .head = BUF_INIT(PUSH_COMMANDS_MAX) };
	CLEAN_PUSH struct push push = { 0 };
	struct err e = { 0 };

	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < 7 ? size - at : 7;
		if (push_scan_add(&scan, (const char *)data + at, n, &e) < 0)
			break;
	}
	if (scan.done)
		(void)push_asks(scan.head.data, scan.head.len, "side-band-64k");
	if (scan.done && push_parse(scan.head.data, scan.head.len, &push, &e) < 0 && push.n)
		abort();
	buf_release(&scan.head);
	return 0;
}
