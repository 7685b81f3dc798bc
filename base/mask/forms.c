/*
 * A secret leaks in the form that a tool prints, not in the form that we know. Spellings of its
 * characters are read by rule; what mixes the bits of several characters is a form of its own, made
 * here once when a value is added. Each encoder writes one form into a scratch buffer that is wiped
 * afterwards.
 *
 * What stands between quotes is a form too, because whoever reads a quoted value prints it without.
 */
#include "base/mask/forms.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"
#include "base/mask/lane.h"

enum { BASE64_LINE = 76 };
/* the largest form: hex with separators */
#define SCRATCH_MAX (LIMIT_MASK_VALUE * 3 + 64)

struct builder {
	struct mask_forms *forms;
	size_t first;       /* forms of this value start here */
	struct slice value; /* itself, which is not added as a form */
	size_t least;
	bool skipped;
	struct buf scratch;
};

static void append(struct mask_forms *f, struct mask_form form)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		f->v = xrealloc(f->v, f->cap * sizeof(*f->v));
	}
	f->v[f->n++] = form;
	f->bytes += form.len;
}

static void add_form(struct builder *b, enum mask_lane lane, const char *p, size_t n)
{
	const struct mask_forms *f = b->forms;

	for (size_t i = b->first; i < f->n; i++) {
		if (f->v[i].len == n && f->v[i].lane == lane && memcmp(f->v[i].bytes, p, n) == 0)
			return;
	}
	append(b->forms, (struct mask_form){ xmemdup0(p, n), n, lane });
}

/* A piece that makes sense to look for, unless it is short or the value itself. */
static void add_piece(struct builder *b, enum mask_lane lane, const char *p, size_t n)
{
	if (n < b->least)
		b->skipped = b->skipped || n > 0;
	else if (lane != MASK_LANE_TEXT || n != b->value.len || memcmp(p, b->value.ptr, n) != 0)
		add_form(b, lane, p, n);
}

static void check_scratch(const struct builder *b)
{
	if (!buf_ok(&b->scratch))
		BUG("a form of %zu bytes", b->scratch.len);
}

/* ---- text ---- */

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || is_line_end(c);
}

static struct slice trim(struct slice text, bool (*drop)(char))
{
	while (text.len && drop(*text.ptr)) {
		text.ptr++;
		text.len--;
	}
	while (text.len && drop(text.ptr[text.len - 1]))
		text.len--;
	return text;
}

static bool is_skipped(char c)
{
	return mask_lane_rules(MASK_LANE_TEXT)->skip[(unsigned char)c] & MASK_SKIP;
}

/* CR LF counts as LF. */
static void unify_line_ends(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] != '\r' || i + 1 == text.len || text.ptr[i + 1] != '\n')
			buf_addc(out, text.ptr[i]);
	}
}

/* The text between quotes and backslashes. */
static void add_unquoted(struct builder *b, struct slice text)
{
	struct slice inside = trim(text, is_skipped);

	if (inside.len >= b->least)
		add_piece(b, MASK_LANE_TEXT, inside.ptr, inside.len);
}

static void add_lines(struct builder *b, struct slice text)
{
	while (text.len) {
		const char *end = memchr(text.ptr, '\n', text.len);
		size_t n = end ? (size_t)(end - text.ptr) : text.len;
		struct slice line = trim((struct slice){ text.ptr, n }, is_blank);

		add_piece(b, MASK_LANE_TEXT, line.ptr, line.len);
		add_unquoted(b, line);
		n += end ? 1 : 0;
		text = (struct slice){ text.ptr + n, text.len - n };
	}
}

/* ---- base64 ---- */

/* The characters of the value when `before` bytes (0..2 beyond whole groups) precede it. */
static void add_base64_at(struct builder *b, struct slice value, size_t before)
{
	static const size_t mixed[] = { 0, 2, 3 }; /* leading characters that hold foreign bits */
	CLEANUP(buf_release_wipe) struct buf raw = BUF_INIT_SECRET(LIMIT_MASK_VALUE + 2);
	size_t tail = (before + value.len) % 3;

	buf_add(&raw, "\0\0", before);
	buf_add(&raw, value.ptr, value.len);
	buf_clear(&b->scratch);
	base64_encode(&b->scratch, raw.data, raw.len);
	check_scratch(b);
	const char *text = b->scratch.data + mixed[before];
	size_t len = b->scratch.len - mixed[before] - (tail ? 3 - tail : 0);
	add_piece(b, MASK_LANE_BASE64, text, len - (tail ? 1 : 0));
	add_piece(b, MASK_LANE_BASE64, text, len);
	for (size_t at = 0; before == 0 && len > BASE64_LINE && at < len; at += BASE64_LINE)
		add_piece(b, MASK_LANE_BASE64, text + at,
			len - at < BASE64_LINE ? len - at : BASE64_LINE);
}

/* ---- hex ---- */

static void add_hex(struct builder *b, struct slice value)
{
	char digits[3];

	buf_clear(&b->scratch);
	for (size_t i = 0; i < value.len; i++) {
		hex_encode(value.ptr + i, 1, digits);
		buf_add(&b->scratch, digits, 2);
	}
	check_scratch(b);
	add_piece(b, MASK_LANE_HEX, b->scratch.data, b->scratch.len);
	buf_clear(&b->scratch);
	for (size_t i = 0; i < value.len; i++) {
		hex_encode(value.ptr + i, 1, digits);
		buf_add(&b->scratch, ":", i ? 1 : 0);
		buf_add(&b->scratch, digits, 2);
	}
	check_scratch(b);
	add_piece(b, MASK_LANE_HEX, b->scratch.data, b->scratch.len);
}

/* ---- a value ---- */

void mask_forms_add_value(struct mask_forms *f, const char *value, size_t n, size_t least)
{
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(LIMIT_MASK_VALUE);

	unify_line_ends(&text, trim((struct slice){ value, n }, is_line_end));
	append(f, (struct mask_form){ xmemdup0(buf_cstr(&text), text.len), text.len,
			  text.len < least ? MASK_LANE_LITERAL : MASK_LANE_TEXT });
}

bool mask_forms_add_derived(struct mask_forms *f, const char *value, size_t n, size_t least)
{
	struct slice raw = trim((struct slice){ value, n }, is_line_end);
	CLEANUP(buf_release_wipe) struct buf text = BUF_INIT_SECRET(LIMIT_MASK_VALUE);
	struct builder b = {
		.forms = f, .first = f->n, .least = least, .scratch = BUF_INIT_SECRET(SCRATCH_MAX)
	};

	unify_line_ends(&text, raw);
	b.value = buf_slice(&text);
	if (text.len < least)
		return true;
	add_unquoted(&b, b.value);
	for (size_t before = 0; before < 3; before++)
		add_base64_at(&b, raw, before);
	add_lines(&b, b.value);
	buf_release_wipe(&b.scratch);
	return b.skipped;
}

void mask_forms_add_hex(struct mask_forms *f, const char *value, size_t n, size_t least)
{
	struct slice raw = trim((struct slice){ value, n }, is_line_end);
	struct builder b = {
		.forms = f, .first = f->n, .least = least, .scratch = BUF_INIT_SECRET(SCRATCH_MAX)
	};

	if (raw.len >= least)
		add_hex(&b, raw);
	buf_release_wipe(&b.scratch);
}

void mask_forms_move(struct mask_forms *to, struct mask_forms *from)
{
	for (size_t i = 0; i < from->n; i++)
		append(to, from->v[i]);
	free(from->v);
	*from = (struct mask_forms){ 0 };
}

void mask_forms_release(struct mask_forms *f)
{
	for (size_t i = 0; i < f->n; i++) {
		wipe(f->v[i].bytes, f->v[i].len);
		free(f->v[i].bytes);
	}
	free(f->v);
	*f = (struct mask_forms){ 0 };
}
