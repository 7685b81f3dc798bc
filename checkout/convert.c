/*
 * The order is git's: $Id$ first, so that its text is encoded too, then line ends, then the
 * encoding. Each stage takes the result of the one before.
 */
#include "checkout/convert.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

#include "checkout/attributes.h"

/* ---- attributes ---- */

static bool is(const char *value, const char *what)
{
	return value && strcmp(value, what) == 0;
}

/* `crlf` is the old name of `text`. True: the value says something. */
static bool read_text(const char *value, bool *ret_text, bool *ret_auto)
{
	*ret_text = value == ATTRIBUTE_SET || is(value, "input");
	*ret_auto = value != ATTRIBUTE_UNSET && is(value, "auto");
	return value == ATTRIBUTE_SET || value == ATTRIBUTE_UNSET || is(value, "input") ||
	       is(value, "auto");
}

static bool is_utf8(const char *name)
{
	return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0;
}

int conversion_of(const char *const *attributes, struct conversion *ret, struct err *e)
{
	const char *text_value = attributes[ATTRIBUTE_TEXT], *eol = attributes[ATTRIBUTE_EOL];
	const char *encoding = attributes[ATTRIBUTE_ENCODING];
	bool text, is_auto;

	*ret = (struct conversion){ .ident = attributes[ATTRIBUTE_IDENT] == ATTRIBUTE_SET };
	if (!read_text(text_value, &text, &is_auto)) {
		text_value = attributes[ATTRIBUTE_CRLF];
		read_text(text_value, &text, &is_auto);
	}
	/* a line end alone makes a text of it; "input" asks for LF */
	if (text_value != ATTRIBUTE_UNSET && is(eol, "crlf")) {
		ret->crlf = true;
		ret->if_text = is_auto;
	}
	if (encoding == ATTRIBUTE_SET || encoding == ATTRIBUTE_UNSET)
		return err_set(e, ERR_INPUT,
			"working-tree-encoding without a name, expected one such as UTF-16LE");
	if (encoding && *encoding && !is_utf8(encoding))
		ret->encoding = encoding;
	return 0;
}

/* ---- $Id$ ---- */

/* The end of the keyword whose dollar is at p; NULL: it is none that git replaces. *ret_over: nor
 * is any after it. */
static const char *ident_end(const char *p, const char *end, bool *ret_over)
{
	if (end - p < 4 || memcmp(p, "$Id", 3) != 0)
		return NULL;
	if (p[3] == '$')
		return p + 4;
	if (p[3] != ':')
		return NULL;
	const char *close = memchr(p + 4, '$', (size_t)(end - (p + 4)));
	*ret_over = !close;
	if (!close || memchr(p + 4, '\n', (size_t)(close - (p + 4))))
		return NULL;
	/* blanks inside: the keyword of another system */
	const char *blank = close > p + 5 ? memchr(p + 5, ' ', (size_t)(close - (p + 5))) : NULL;
	return blank && blank < close - 1 ? NULL : close + 1;
}

static bool put_ident(const char *id, struct slice text, struct buf *out)
{
	const char *p = text.ptr, *end = p + text.len, *from = p;
	bool over = false, any = false;

	while (!over && p < end && (p = memchr(p, '$', (size_t)(end - p)))) {
		const char *close = ident_end(p, end, &over);

		if (!close) {
			p++;
			continue;
		}
		buf_add(out, from, (size_t)(p - from));
		buf_addf(out, "$Id: %s $", id);
		any = true;
		p = from = close;
	}
	if (any)
		buf_add(out, from, (size_t)(end - from));
	return any;
}

/* ---- line ends ---- */

struct stats {
	size_t nul, lone_cr, lone_lf, crlf, printable, other;
};

static struct stats gather(struct slice text)
{
	struct stats s = { 0 };

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n') {
			s.crlf++;
			i++;
		} else if (c == '\r') {
			s.lone_cr++;
		} else if (c == '\n') {
			s.lone_lf++;
		} else if (c == 0x7f || (c < 0x20 && !memchr("\b\t\x1b\f", c, 4))) {
			s.nul += c == 0;
			s.other++;
		} else {
			s.printable++;
		}
	}
	/* the end of file of old systems */
	if (text.len && text.ptr[text.len - 1] == 0x1a)
		s.other--;
	return s;
}

static bool put_crlf(const struct conversion *c, struct slice text, struct buf *out)
{
	struct stats s = gather(text);

	if (!s.lone_lf)
		return false;
	if (c->if_text && (s.lone_cr || s.crlf || s.nul || s.printable >> 7 < s.other))
		return false;
	for (const char *p = text.ptr, *end = p + text.len, *lf; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf) {
			buf_add(out, p, (size_t)(end - p));
			break;
		}
		buf_add(out, p, (size_t)(lf - p));
		if (lf == text.ptr || lf[-1] != '\r')
			buf_addc(out, '\r');
		buf_addc(out, '\n');
	}
	return true;
}

/* ---- encoding ---- */

static iconv_t open_encoding(const char *name, struct buf *out)
{
	static const struct {
		const char *name, *plain, *mark;
	} marked[] = { { "UTF-16LE-BOM", "UTF-16LE", "\xff\xfe" },
		{ "UTF-16BE-BOM", "UTF-16BE", "\xfe\xff" } };

	for (size_t i = 0; i < ARRAY_LEN(marked); i++) {
		if (strcasecmp(name, marked[i].name) == 0) {
			buf_add(out, marked[i].mark, 2);
			return iconv_open(marked[i].plain, "UTF-8");
		}
	}
	return iconv_open(name, "UTF-8");
}

/* False: git cannot write this in the encoding, and writes it as it is. */
static bool put_encoded(const char *name, struct slice text, struct buf *out)
{
	iconv_t cd = open_encoding(name, out);
	char *in = (char *)text.ptr;
	size_t left = text.len;
	bool flushed = false, ok = true;

	if (cd == (iconv_t)-1)
		return false;
	while (ok && !flushed) {
		char piece[4096], *to = piece;
		size_t room = sizeof(piece);
		bool last = left == 0;
		size_t rc = iconv(cd, last ? NULL : &in, last ? NULL : &left, &to, &room);

		buf_add(out, piece, sizeof(piece) - room);
		ok = rc != (size_t)-1 || errno == E2BIG;
		flushed = last && rc != (size_t)-1;
	}
	iconv_close(cd);
	return ok;
}

/* A converter that is never closed keeps its module; any other of the same module then needs no
 * file. */
void convert_prepare(void)
{
	static const char *const names[] = { "UTF-16", "UTF-32", "ISO-8859-1", "ISO-8859-2",
		"ISO-8859-15", "CP1250", "CP1251", "CP1252", "KOI8-R", "CP437", "CP850",
		"SHIFT_JIS", "CP932", "EUC-JP", "EUC-KR", "GBK", "GB18030", "BIG5" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (iconv_open(names[i], "UTF-8") == (iconv_t)-1)
			continue; /* a file that needs it is named in the log */
	}
}

/* ---- all of it ---- */

/* The result of a stage becomes the text of the next. */
static void take_stage(struct buf *stage, struct slice *text, struct buf *out, int *changed)
{
	buf_release(out);
	*out = *stage;
	*stage = (struct buf)BUF_INIT(out->max);
	*text = buf_slice(out);
	*changed = 1;
}

int convert_content(const struct conversion *c, const char *id, struct slice content,
	struct buf *out, bool *ret_unencoded, struct err *e)
{
	CLEAN_BUF struct buf stage = BUF_INIT(out->max);
	struct slice text = content;
	int changed = 0;

	if (c->ident && put_ident(id, text, &stage))
		take_stage(&stage, &text, out, &changed);
	if (c->crlf && put_crlf(c, text, &stage))
		take_stage(&stage, &text, out, &changed);
	*ret_unencoded = c->encoding && text.len && !put_encoded(c->encoding, text, &stage);
	if (c->encoding && text.len && !*ret_unencoded)
		take_stage(&stage, &text, out, &changed);
	if (*ret_unencoded)
		buf_clear(&stage);
	if (!buf_ok(out) || !buf_ok(&stage))
		return err_set(e, ERR_LIMIT, "it becomes larger than %zu bytes", out->max);
	return changed;
}
