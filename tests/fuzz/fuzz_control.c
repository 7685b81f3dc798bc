/* A request to the control socket: what is accepted says the same again when it is written. */
#include "runner/control/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf out = BUF_INIT(CONTROL_REQUEST_MAX);
	struct control_request r = { 0 }, again = { 0 };
	struct err e = { 0 };

	if (control_parse((const char *)data, size, &r, &e) < 0) {
		if (e.class == ERR_NONE)
			BUG("refused without a reason");
		return 0;
	}
	control_format(&r, &out);
	if (control_parse(out.data, out.len, &again, &e) < 0 || again.verb != r.verb ||
		again.cancel != r.cancel || again.wait != r.wait)
		BUG("written differently: %s", buf_cstr(&out));
	return 0;
}
