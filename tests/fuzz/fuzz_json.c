/* Whatever parses must be writable and parse again; the salvage scan must survive everything. */
#include "base/json.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "token", "job.id", "job.steps.id" };

	struct json_doc *d CLEAN_JSON = json_parse((const char *)data, size, NULL, NULL);
	struct buf out CLEAN_BUF = BUF_INIT(8 * size + 64); /* \u0001 from one byte is the worst */
	char *found[ARRAY_LEN(paths)];
	struct json_writer w;

	json_scan((const char *)data, size, paths, ARRAY_LEN(paths), found);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		free(found[i]);
	if (!d)
		return 0;
	json_writer_init(&w, &out, false);
	json_copy(&w, json_root(d));
	if (json_writer_finish(&w, NULL) < 0)
		BUG("a parsed value cannot be written");
	const struct json_limits lim = { .bytes = out.len };
	struct json_doc *again CLEAN_JSON = json_parse(out.data, out.len, &lim, NULL);
	if (!again)
		BUG("a written value does not parse");
	return 0;
}
