/* Two values ended by NUL, then the text: chunks and dense rows must not matter, and what is hidden
 * is what the slow reference finds. */
#include "base/mask/mask.h"
#include "tests/unit/help/mask_reference.h"

enum { REFERENCE_VALUE = 40, REFERENCE_TEXT = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

struct input {
	struct slice values[2], text;
	size_t n;
};

static struct input split(const char *p, size_t n)
{
	struct input in = { .n = 0 };

	for (size_t len; in.n < 2 && (len = strnlen(p, n)) < n; p += len + 1, n -= len + 1)
		in.values[in.n++] = (struct slice){ p, len };
	in.text = (struct slice){ p, n };
	return in;
}

static void move(struct mask *m)
{
	CLEAN_BUF struct buf rest = BUF_INIT(GIB(1));

	mask_save(m, &rest);
	if (mask_restore(m, rest.data, rest.len, NULL) < 0)
		BUG("a saved stream is refused");
}

/* True: no walk lost its way. moved: the stream is saved and taken up again behind each chunk. */
static bool run(const struct input *in, size_t dense, size_t step, bool moved, struct buf *out)
{
	CLEAN_MASK struct mask *m = mask_new();
	struct slice text = in->text;

	mask_set_dense(m, dense);
	if (step <= text.len) /* one of the two runs */
		mask_set_narrow(m);
	for (size_t i = 0; i < in->n; i++)
		IGNORE_RESULT(mask_add(m, in->values[i].ptr, in->values[i].len, NULL, NULL),
			"any result will do");
	for (size_t at = 0; at < text.len; at += step) {
		mask_feed(m, text.ptr + at, step < text.len - at ? step : text.len - at, collect,
			out);
		if (moved)
			move(m);
	}
	mask_end(m, collect, out);
	return mask_lost(m) == 0;
}

/* The reference is slow, stars in a text are ambiguous, and a value that begins inside a character
 * may hide the whole character. */
static bool is_for_reference(const struct input *in)
{
	for (size_t i = 0; i < in->n; i++) {
		if (in->values[i].len > REFERENCE_VALUE ||
			!utf8_valid(in->values[i].ptr, in->values[i].len))
			return false;
	}
	return in->text.len <= REFERENCE_TEXT && !memchr(in->text.ptr, '*', in->text.len);
}

static void check(const struct input *in, const struct buf *out)
{
	CLEANUP(mask_forms_release) struct mask_forms forms = { 0 };

	for (size_t i = 0; i < in->n; i++) {
		if (strspn(in->values[i].ptr, " \t\r\n") == in->values[i].len)
			continue;
		mask_forms_add_value(&forms, in->values[i].ptr, in->values[i].len, MASK_PIECE_MIN);
		mask_forms_add_derived(
			&forms, in->values[i].ptr, in->values[i].len, MASK_PIECE_MIN);
		mask_forms_add_hex(&forms, in->values[i].ptr, in->values[i].len, MASK_PIECE_MIN);
	}
	if (!reference_check(&forms, in->text, buf_slice(out)))
		BUG("not what the reference hides");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf whole = BUF_INIT(GIB(1)), bytes = BUF_INIT(GIB(1));
	struct input in = split((const char *)data, size);
	bool known = run(&in, MASK_DENSE_BYTES, size + 1, false, &whole);

	known &= run(&in, size % 2 * 4096, 1 + size % 3, size % 5 > 1, &bytes);
	if (!known || !is_for_reference(&in))
		return 0;
	check(&in, &whole);
	check(&in, &bytes);
	return 0;
}
