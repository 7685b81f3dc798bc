/* What the probe in a container says is judged: any bytes, any order, one verdict a row. */
#include "network/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const probes[] = { "connect,a,1", "resolve,a", NULL, "name,a,1" };
	struct check_report r = { .rows = xcalloc(ARRAY_LEN(probes), sizeof(*r.rows)),
		.n = ARRAY_LEN(probes) };
	struct pairs moved = { 0 };
	char *text = xmemdup0(data, size);

	for (size_t i = 0; i < r.n; i++)
		r.rows[i] = (struct check_row){ .probe = xstrdup(probes[i]),
			.counter = i == 0 ? "c" : NULL,
			.want_open = i == 3 };
	pairs_set(&moved, "c", "1");
	check_judge(&r, text, &moved);
	for (size_t i = 0; i < r.n; i++)
		if (probes[i] && (!r.rows[i].detail || r.rows[i].verdict > CHECK_UNPROVED))
			BUG("row %zu has no verdict", i);
	pairs_release(&moved);
	check_report_release(&r);
	free(text);
	return 0;
}
