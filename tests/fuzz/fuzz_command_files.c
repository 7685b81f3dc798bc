/* A command file: results are text, or an error names the file. */
#include "base/utf8.h"
#include "runner/context/command_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(pairs_release) struct pairs pairs = { 0 };
	CLEANUP(strv_release) struct strv list = { 0 };
	CLEAN_BUF struct buf summary = BUF_INIT(100);
	struct err e = { 0 };
	const char *p = (const char *)data;
	int rc = command_file_pairs(size % 2, p, size, &pairs, &list, &e);

	if (rc < 0 ? !str_starts(e.text, "SHITHUB_") || pairs.n || list.n : *e.text != 0)
		BUG("neither pairs nor an error");
	for (size_t i = 0; i < pairs.n; i++)
		if (!utf8_valid(pairs.v[i].value, strlen(pairs.v[i].value)) || !*pairs.v[i].key)
			BUG("a pair that is no text");
	err_clear(&e);
	if (command_file_paths(p, size, &list, &e) < 0 && !str_starts(e.text, "SHITHUB_PATH"))
		BUG("neither paths nor an error");
	if (command_file_summary(p, size, &summary) ? summary.len < size : summary.len < 97)
		BUG("a summary that lost more than it had to");
	if (!buf_ok(&summary) || !utf8_valid(buf_cstr(&summary), summary.len))
		BUG("a summary that is no text");
	return 0;
}
