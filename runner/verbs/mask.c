/* See verbs/mask.h. Values are never printed; what is said about one names its number in the file.
 */
#include "runner/verbs/mask.h"

#include <errno.h>
#include <stdio.h>

#include "base/cli.h"
#include "base/fs.h"
#include "base/mask/mask.h"

enum { CHUNK = 256 * 1024 };

/* Collects what the masker hands out, so that a write is worth its system call. */
struct output {
	struct buf pending;
	struct err error;
	bool failed;
};

static void output_flush(struct output *o)
{
	if (!o->failed && o->pending.len &&
		fd_write_all(STDOUT_FILENO, o->pending.data, o->pending.len, &o->error) < 0)
		o->failed = true;
	buf_clear(&o->pending);
}

static void on_masked(void *data, const char *p, size_t n)
{
	struct output *o = data;

	if (o->pending.len + n > CHUNK)
		output_flush(o);
	if (n >= CHUNK / 4 && o->pending.len == 0) {
		if (!o->failed && fd_write_all(STDOUT_FILENO, p, n, &o->error) < 0)
			o->failed = true;
		return;
	}
	buf_add(&o->pending, p, n);
}

static int load_values(struct mask *m, const char *path, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(MASK_FORMS_BYTES);
	size_t number = 0;

	if (file_read(path, &text, e) < 0)
		return -1;
	for (size_t at = 0; at < text.len; number++) {
		const char *p = text.data + at, *end = memchr(p, '\0', text.len - at);
		size_t n = end ? (size_t)(end - p) : text.len - at;
		bool is_short;

		if (mask_add(m, p, n, &is_short, e) < 0)
			return err_wrap(e, "%s: value %zu", path, number + 1);
		if (is_short)
			fprintf(stderr,
				"%s: %s: value %zu is short or has short lines: its pieces below "
				"%d bytes are not masked on their own\n",
				cli_program, path, number + 1, MASK_PIECE_MIN);
		at += n + 1;
	}
	return 0;
}

static int filter(struct mask *m, struct err *e)
{
	CLEAN_STR char *chunk = xmalloc(CHUNK);
	struct output out = { .pending = BUF_INIT(CHUNK) };
	ssize_t n = 0;

	while (!out.failed && (n = read(STDIN_FILENO, chunk, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		mask_feed(m, chunk, (size_t)n, on_masked, &out);
		output_flush(&out);
	}
	int errnum = errno;
	mask_end(m, on_masked, &out);
	output_flush(&out);
	buf_release(&out.pending);
	if (n < 0)
		return err_set_errno(e, errnum, "stdin");
	if (!out.failed)
		return 0;
	*e = out.error;
	return err_wrap(e, "stdout");
}

int verb_mask(int argc, char **argv)
{
	const char *path = NULL;
	const struct cli_flag flags[] = {
		{ .name = "values-file",
			.target = &path,
			.meta = "FILE",
			.help = "values to mask, separated by NUL bytes",
			.required = true },
	};
	CLEAN_MASK struct mask *m = mask_new();
	struct err e = { 0 };
	char **rest;
	int n_rest;

	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags),
		"Copies stdin to stdout and replaces every occurrence of a value, also escaped or "
		"encoded, by ***.",
		0, &rest, &n_rest);

	if (rc != 0)
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	if (load_values(m, path, &e) < 0)
		return cli_fail(EXIT_USAGE, "%s", e.text);
	if (filter(m, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "%s", e.text);
	return EXIT_OK;
}
