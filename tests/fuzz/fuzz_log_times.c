/* The packed times of an archived log: whatever the bytes are, reading goes forward and ends. */
#include "coordinator/object/log_times.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_times t = { .packed = BUF_INIT(LOG_TIMES_MAX) };
	int64_t byte = 0, until = 0;
	size_t pieces = 0;

	if (size > LOG_TIMES_MAX)
		return 0;
	if (buf_add(&t.packed, (const char *)data, size) < 0)
		abort();
	for (; until != INT64_MAX; byte = until) {
		log_times_of(&t, byte, &until);
		if (until <= byte || pieces++ > size)
			abort();
	}
	log_times_of(&t, 0, &until);
	buf_release(&t.packed);
	return 0;
}
