/* A log in chunks: the annotations are the same however it is cut, and never more than the cap. */
#include "base/utf8.h"
#include "workflow/command/annotations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct annotation *a)
{
	if (strlen(a->message) > ANNOTATION_MESSAGE_MAX ||
		!utf8_valid(a->message, strlen(a->message)) ||
		(a->title && !utf8_valid(a->title, strlen(a->title))) ||
		(a->path && (!utf8_valid(a->path, strlen(a->path)) || *a->path == '/' ||
				    str_eq(a->path, "..") || str_starts(a->path, "../"))) ||
		(a->line && !a->path))
		BUG("annotation \"%s\" in \"%s\"", a->message, a->path ? a->path : "");
}

static void show(const struct annotation *a, struct buf *out)
{
	check(a);
	buf_addf(out, "%d|%s|%s|%s|%d %d %d %d %d\n", a->level, a->message,
		a->title ? a->title : "", a->path ? a->path : "", (int)a->line, (int)a->end_line,
		(int)a->column, (int)a->end_column, (int)a->log_line);
}

static void run(const char *p, size_t n, size_t step, struct buf *out)
{
	CLEANUP(annotation_reader_release) struct annotation_reader r = ANNOTATION_READER_INIT;
	CLEANUP(annotations_release) struct annotations all = { 0 };

	for (size_t at = 0; at < n; at += step)
		annotations_read(
			&r, (struct slice){ p + at, step < n - at ? step : n - at }, false, &all);
	annotations_read(&r, (struct slice){ "", 0 }, true, &all);
	if (all.n > ANNOTATION_LEVELS * ANNOTATIONS_STEP || r.line.len || r.token.len)
		BUG("%zu annotations", all.n);
	for (size_t i = 0; i < all.n; i++)
		show(&all.v[i], out);
	for (size_t i = 0; i < ANNOTATION_LEVELS; i++)
		buf_addf(out, "%zu\n", all.found[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf whole = BUF_INIT(GIB(1)), cut = BUF_INIT(GIB(1));

	run((const char *)data, size, size + 1, &whole);
	run((const char *)data, size, 1 + size % 3, &cut);
	if (whole.len != cut.len || memcmp(buf_cstr(&whole), buf_cstr(&cut), cut.len) != 0)
		BUG("chunks matter");
	return 0;
}
