/* The list of refs that a server sends before anything else, in any form. */
#include "checkout/pktline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ref_list refs = { 0 };

	if (advert_parse((const char *)data, size, &refs, NULL) == 0 && refs.names.n != refs.oids.n)
		abort();
	ref_list_release(&refs);
	return 0;
}
