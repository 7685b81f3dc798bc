/* The reader of artifacts takes any bytes in any pieces and tells only of paths within the caps. */
#include "artifact/path_rule.h"
#include "artifact/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_entry(void *data, const struct tar_entry *x, struct err *e)
{
	CLEAN_STR char *path = xstrdup(x->path);

	(void)data;
	if (path_rule_clean(path, e) < 0 || (x->link && path_rule_link(path, x->link, e) < 0))
		return -1;
	return *path == '/' || strstr(path, "/../") || str_starts(path, "../") ? abort(), -1 : 0;
}
static int on_bytes(void *data, const char *p, size_t n, struct err *e)
{
	return (void)data, (void)e, n && p ? 0 : -1;
}
static int on_end(void *data, struct err *e)
{
	return (void)data, (void)e, 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar_sink sink = { on_entry, on_bytes, on_end, NULL };
	struct tar_reader *r = tar_reader_new(&sink);
	struct err e = { 0 };
	size_t half = size / 3;

	if (tar_feed(r, (const char *)data, half, &e) == 0 &&
		tar_feed(r, (const char *)data + half, size - half, &e) == 0 &&
		tar_finish(r, &e) < 0)
		err_clear(&e);
	tar_reader_free(r);
	return 0;
}
