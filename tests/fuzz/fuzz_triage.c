/* A job's log as triage reads it, by both ways; hostile from the first byte. */
#include "hygiene/workdir/triage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct triage_root roots[] = { { TRIAGE_INSTANCES, "/srv/runners" },
		{ TRIAGE_INSTANCE, "/opt/one" }, { TRIAGE_OWN, "/var/lib/ws/" } };
	const char *text = (const char *)data;

	for (int known = 0; known < 2; known++) {
		struct triage *t = triage_new(roots, ARRAY_LEN(roots));

		if (known)
			triage_step(t, "pool-1", true, true);
		triage_feed(t, text, size / 2);
		triage_feed(t, text + size / 2, size - size / 2);
		triage_conclude(t);
		triage_free(t);
	}
	return 0;
}
