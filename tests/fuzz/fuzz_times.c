/* Times, durations, sizes and cron lines; a time that was read is written and read back the same.
 */
#include "base/clock.h"
#include "workflow/cron.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *text = xmemdup0(data, size);
	char shown[WALL_TEXT_MAX];
	struct wall t, again;
	int64_t us = 0;
	uint64_t bytes = 0;

	if (wall_parse(text, &t, NULL) == 0) {
		wall_format(t, shown);
		/* shown to the millisecond, towards the past */
		if (wall_parse(shown, &again, NULL) < 0 || t.us - again.us < 0 ||
			t.us - again.us > 999)
			abort();
	}
	if (duration_parse(text, &us, NULL) == 0) {
		char duration_text[DURATION_TEXT_MAX];
		int64_t same;

		duration_format(us, duration_text);
		if (us < 0 || duration_parse(duration_text, &same, NULL) < 0 || same != us)
			abort();
	}
	if (size_parse(text, &bytes, NULL) == 0) {
		char size_text[SIZE_TEXT_MAX];
		uint64_t same;

		size_format(bytes, size_text);
		if (size_parse(size_text, &same, NULL) < 0 || same != bytes)
			abort();
	}
	struct err e = { 0 };
	if (cron_check(text, &e) < 0 && !e.text[0])
		abort();
	return 0;
}
