/* See mask_forms.h. Each encoder writes one form into a scratch buffer that is wiped afterwards. */
#include "runner/mask_forms.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"

enum { BASE64_LINE = 76 };
/* the largest form: every byte as \u00xx */
#define SCRATCH_MAX (LIMIT_MASK_VALUE * 12 + 64)

static const char HEX_UPPER[] = "0123456789ABCDEF", HEX_LOWER[] = "0123456789abcdef";

struct builder {
	struct mask_forms *forms;
	size_t first; /* forms of this value start here */
	size_t least;
	bool skipped;
	struct buf scratch;
};

static void push(struct mask_forms *f, const char *p, size_t n)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 16;
		f->v = xrealloc(f->v, f->cap * sizeof(*f->v));
	}
	f->v[f->n++] = (struct mask_form){ xmemdup0(p, n), n };
	f->bytes += n;
}

static void add_piece(struct builder *b, const char *p, size_t n)
{
	const struct mask_forms *f = b->forms;

	if (n < b->least) {
		b->skipped = b->skipped || n > 0;
		return;
	}
	for (size_t i = b->first; i < f->n; i++) {
		if (f->v[i].len == n && memcmp(f->v[i].bytes, p, n) == 0)
			return;
	}
	push(b->forms, p, n);
}

static void add_scratch(struct builder *b)
{
	if (!buf_ok(&b->scratch))
		BUG("a form of %zu bytes", b->scratch.len);
	add_piece(b, buf_cstr(&b->scratch), b->scratch.len);
	buf_clear(&b->scratch);
}

/* lines */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void add_lines(struct builder *b, const char *p, size_t n)
{
	while (n) {
		const char *end = memchr(p, '\n', n);
		size_t line = end ? (size_t)(end - p) : n, from = 0, to = line;
		while (from < to && is_blank(p[from]))
			from++;
		while (to > from && is_blank(p[to - 1]))
			to--;
		add_piece(b, p + from, to - from);
		line += end ? 1 : 0;
		p += line;
		n -= line;
	}
}

static void add_line_ends(struct builder *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			buf_addc(&b->scratch, '\r');
		buf_addc(&b->scratch, p[i]);
	}
	add_scratch(b);
	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\r' || i + 1 == n || p[i + 1] != '\n')
			buf_addc(&b->scratch, p[i]);
	}
	add_scratch(b);
}

/* base64 */

static void to_url_alphabet(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = p[i] == '+' ? '-' : p[i] == '/' ? '_' : p[i];
}

/* The characters of the value when `before` bytes (0..2 beyond whole groups) precede it. */
static void add_base64_at(struct builder *b, const char *p, size_t n, size_t before)
{
	static const size_t mixed[] = { 0, 2, 3 }; /* leading characters that hold foreign bits */
	CLEANUP(buf_release_wipe) struct buf raw = BUF_INIT_SECRET(LIMIT_MASK_VALUE + 2);
	size_t total = before + n, tail = total % 3;

	buf_add(&raw, "\0\0", before);
	buf_add(&raw, p, n);
	base64_encode(&b->scratch, raw.data, raw.len);
	char *text = b->scratch.data + mixed[before];
	size_t pad = tail ? 3 - tail : 0, len = b->scratch.len - mixed[before] - pad;
	for (int alphabet = 0; alphabet < 2; alphabet++) {
		if (alphabet)
			to_url_alphabet(text, len);
		add_piece(b, text, len - (tail ? 1 : 0));
		add_piece(b, text, len);
		for (size_t at = 0; before == 0 && len > BASE64_LINE && at < len; at += BASE64_LINE)
			add_piece(b, text + at, len - at < BASE64_LINE ? len - at : BASE64_LINE);
	}
	buf_clear(&b->scratch);
}

/* escapes */

static bool is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void add_url(
	struct builder *b, const char *p, size_t n, const char *plain, const char *hex, bool plus)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (plus && c == ' ') {
			buf_addc(&b->scratch, '+');
		} else if (is_alnum(c) || (c && strchr(plain, c))) {
			buf_addc(&b->scratch, (char)c);
		} else {
			char escape[] = { '%', hex[c >> 4], hex[c & 15] };
			buf_add(&b->scratch, escape, sizeof(escape));
		}
	}
	add_scratch(b);
}

enum json_style { JSON_PLAIN, JSON_ASCII, JSON_HTML, JSON_SLASH };

static void add_unit(struct buf *out, unsigned unit)
{
	char escape[] = { '\\', 'u', HEX_LOWER[unit >> 12], HEX_LOWER[unit >> 8 & 15],
		HEX_LOWER[unit >> 4 & 15], HEX_LOWER[unit & 15] };

	buf_add(out, escape, sizeof(escape));
}

static void add_code_point(struct buf *out, const char *p, size_t len)
{
	unsigned code = (unsigned char)p[0] & (0xffu >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	if (code < 0x10000) {
		add_unit(out, code);
		return;
	}
	add_unit(out, 0xd800 + ((code - 0x10000) >> 10));
	add_unit(out, 0xdc00 + (code & 0x3ff));
}

static bool is_json_special(unsigned char c, enum json_style style)
{
	return (style == JSON_HTML && (c == '<' || c == '>' || c == '&')) || c < 0x20;
}

static void add_json(struct builder *b, const char *p, size_t n, enum json_style style)
{
	static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";

	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)p[i];
		const char *hit = c ? strchr(from, c) : NULL;
		size_t len = style == JSON_ASCII && c >= 0x80 ? utf8_char(p + i, n - i) : 1;
		if (hit) {
			buf_addc(&b->scratch, '\\');
			buf_addc(&b->scratch, to[hit - from]);
		} else if (len > 1) {
			add_code_point(&b->scratch, p + i, len);
		} else if (is_json_special(c, style)) {
			add_unit(&b->scratch, c);
		} else {
			if (style == JSON_SLASH && c == '/')
				buf_addc(&b->scratch, '\\');
			buf_addc(&b->scratch, (char)c);
		}
		i += len ? len : 1;
	}
	add_scratch(b);
}

struct escape {
	char c;
	const char *text;
};

static void add_escaped(
	struct builder *b, const char *p, size_t n, const struct escape *escapes, size_t count)
{
	for (size_t i = 0; i < n; i++) {
		size_t e = 0;
		while (e < count && escapes[e].c != p[i])
			e++;
		if (e < count)
			buf_adds(&b->scratch, escapes[e].text);
		else
			buf_addc(&b->scratch, p[i]);
	}
	add_scratch(b);
}

static void add_escapes(struct builder *b, const char *p, size_t n)
{
	static const struct escape text[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" } };
	static const struct escape named[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
		{ '"', "&quot;" }, { '\'', "&apos;" } };
	static const struct escape numeric[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
		{ '"', "&#34;" }, { '\'', "&#39;" } };
	static const struct escape mixed[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
		{ '"', "&quot;" }, { '\'', "&#39;" } };
	static const struct escape shell[] = { { '\'', "'\\''" } };

	add_escaped(b, p, n, text, ARRAY_LEN(text));
	add_escaped(b, p, n, named, ARRAY_LEN(named));
	add_escaped(b, p, n, numeric, ARRAY_LEN(numeric));
	add_escaped(b, p, n, mixed, ARRAY_LEN(mixed));
	add_escaped(b, p, n, shell, ARRAY_LEN(shell));
}

bool mask_forms_add(struct mask_forms *f, const char *value, size_t n, size_t least)
{
	static const char unreserved[] = "-_.~", component[] = "-_.~!'()*";
	struct builder b = { f, f->n, least, false, BUF_INIT_SECRET(SCRATCH_MAX) };

	push(f, value, n);
	if (n < least)
		return true;
	add_line_ends(&b, value, n);
	for (size_t before = 0; before < 3; before++)
		add_base64_at(&b, value, n, before);
	add_url(&b, value, n, unreserved, HEX_UPPER, false);
	add_url(&b, value, n, unreserved, HEX_LOWER, false);
	add_url(&b, value, n, component, HEX_UPPER, false);
	add_url(&b, value, n, unreserved, HEX_UPPER, true);
	for (enum json_style style = JSON_PLAIN; style <= JSON_SLASH; style++)
		add_json(&b, value, n, style);
	add_escapes(&b, value, n);
	add_lines(&b, value, n);
	buf_release_wipe(&b.scratch);
	return b.skipped;
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
