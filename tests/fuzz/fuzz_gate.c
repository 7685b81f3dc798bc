/* Every decoder of the gate's wire, both directions; the first byte chooses. */
#include "engine/gate/gate_proto.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gate_header h;
	struct gate_run r;
	struct gate_exit_status s;
	struct gate_failure f;
	int sig;

	if (size < 1)
		return 0;
	if (data[0] == 'h' && size > GATE_HEADER_LEN)
		return gate_header_decode(data + 1, GATE_ANSWER_MAX, &h) == 0 &&
		       h.length > GATE_ANSWER_MAX;
	if (data[0] == 'r' && gate_run_decode(data + 1, size - 1, &r) == 0) {
		const char *t = r.argv;

		for (uint32_t i = 0; i < r.argc + r.envc; i++)
			t = gate_text_next(t);
		if (t != r.cwd || (const uint8_t *)r.script + r.script_len != data + size)
			abort();
	}
	(void)(data[0] == 's' && gate_signal_decode(data + 1, size - 1, &sig));
	(void)(data[0] == 'e' && gate_exit_decode(data + 1, size - 1, &s));
	(void)(data[0] == 'f' && gate_failed_decode(data + 1, size - 1, &f));
	return 0;
}
