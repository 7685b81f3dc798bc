/* The quotes of a script, fed in two pieces. */
#include "base/util.h"
#include "workflow/expr/quoting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct quoting q = { 0 };
	size_t first = size ? data[0] % size : 0;

	quoting_feed(&q, (const char *)data, first);
	if (quoting_now(&q) > QUOTING_DOCUMENT)
		abort();
	quoting_feed(&q, (const char *)data + first, size - first);
	if (q.top >= QUOTING_DEPTH || q.waiting > QUOTING_DOCUMENTS)
		abort();
	return 0;
}
