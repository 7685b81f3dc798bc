/*
 * The grammar is the one of git's configuration files: sections with quoted names, continuation
 * lines, comments. A line that git would refuse is an error here too, so that no two readers see
 * different submodules.
 */
#include "checkout/gitmodules.h"

#include <ctype.h>

#include "base/buf.h"
#include "base/limits.h"

struct parser {
	const char *p, *end;
	unsigned line;
	struct gitmodules *list;
	struct gitmodule *section; /* NULL: a section of no interest */
	struct err *e;
};

static int modules_fail(struct parser *s, const char *why)
{
	return err_set(s->e, ERR_INPUT, ".gitmodules line %u: %s", s->line, why);
}

/* -1 at the end; \r\n counts as \n. */
static int peek(const struct parser *s)
{
	if (s->p >= s->end)
		return -1;
	if (*s->p == '\r' && s->end - s->p > 1 && s->p[1] == '\n')
		return '\n';
	return (unsigned char)*s->p;
}

static int next(struct parser *s)
{
	int c = peek(s);

	if (c < 0)
		return -1;
	s->p += *s->p == '\r' && c == '\n' ? 2 : 1;
	if (c == '\n')
		s->line++;
	return c;
}

static void skip_blanks(struct parser *s)
{
	while (peek(s) == ' ' || peek(s) == '\t')
		next(s);
}

static void skip_line(struct parser *s)
{
	while (peek(s) >= 0 && peek(s) != '\n')
		next(s);
}

/* ---- sections ---- */

static int find_section(struct parser *s, const char *name)
{
	struct gitmodules *l = s->list;

	for (size_t i = 0; i < l->n; i++) {
		if (str_eq(l->v[i].name, name)) {
			s->section = &l->v[i];
			return 0;
		}
	}
	if (l->n >= GITMODULES_MAX)
		return err_set(
			s->e, ERR_LIMIT, ".gitmodules: more than %d submodules", GITMODULES_MAX);
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n] = (struct gitmodule){ .name = xstrdup(name) };
	s->section = &l->v[l->n++];
	return 0;
}

/* After the opening quote, to and with the closing one. */
static int read_subsection(struct parser *s, struct buf *ret)
{
	for (;;) {
		int c = next(s);

		if (c == '"')
			return 0;
		if (c == '\\')
			c = next(s);
		if (c < 0 || c == '\n')
			return modules_fail(s, "section name without closing quote");
		if (c == 0)
			return modules_fail(s, "NUL byte");
		if (buf_addc(ret, (char)c) < 0)
			return modules_fail(s, "section name too long");
	}
}

/* After the opening bracket. */
static int read_section(struct parser *s)
{
	CLEAN_BUF struct buf kind = BUF_INIT(LIMIT_NAME), name = BUF_INIT(LIMIT_NAME);
	bool named = false;

	while (isalnum(peek(s)) || peek(s) == '-' || peek(s) == '.')
		if (buf_addc(&kind, (char)tolower(next(s))) < 0)
			return modules_fail(s, "section name too long");
	skip_blanks(s);
	if (peek(s) == '"') {
		next(s);
		named = true;
		if (read_subsection(s, &name) < 0)
			return -1;
	}
	if (next(s) != ']')
		return modules_fail(s, "malformed section, expected [submodule \"NAME\"]");
	s->section = NULL;
	if (!named || !str_eq(buf_cstr(&kind), "submodule"))
		return 0;
	return find_section(s, buf_cstr(&name));
}

/* ---- values ---- */

static int read_escape(struct parser *s, struct buf *ret)
{
	static const char from[] = "ntb\"\\", to[] = "\n\t\b\"\\";
	int c = next(s);
	const char *at = c > 0 ? strchr(from, c) : NULL;

	if (c == '\n')
		return 0; /* the value goes on in the next line */
	if (!at)
		return modules_fail(s, "unknown escape in a value");
	return buf_addc(ret, to[at - from]) < 0 ? modules_fail(s, "value too long") : 0;
}

/* Blanks at the end and comments outside of quotes do not belong to the value. */
static int read_value(struct parser *s, struct buf *ret)
{
	bool quoted = false;
	size_t keep = 0;

	skip_blanks(s);
	for (;;) {
		int c = peek(s);

		if (c < 0 || c == '\n')
			break;
		if (!quoted && (c == '#' || c == ';')) {
			skip_line(s);
			break;
		}
		next(s);
		if (c == 0)
			return modules_fail(s, "NUL byte");
		if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && read_escape(s, ret) < 0)
			return -1;
		else if (c != '\\' && buf_addc(ret, (char)c) < 0)
			return modules_fail(s, "value too long");
		if (quoted || !(c == ' ' || c == '\t'))
			keep = ret->len;
	}
	if (quoted)
		return modules_fail(s, "value without closing quote");
	if (ret->len > keep) {
		ret->len = keep;
		ret->data[keep] = '\0';
	}
	return 0;
}

static void store(struct parser *s, const char *key, const struct buf *value)
{
	char **place = NULL;

	if (s->section && str_eq(key, "path"))
		place = &s->section->path;
	else if (s->section && str_eq(key, "url"))
		place = &s->section->url;
	if (!place)
		return;
	free(*place);
	*place = xstrdup(buf_cstr(value));
}

static int read_entry(struct parser *s)
{
	CLEAN_BUF struct buf key = BUF_INIT(LIMIT_NAME), value = BUF_INIT(LIMIT_NAME);

	while (isalnum(peek(s)) || peek(s) == '-')
		if (buf_addc(&key, (char)tolower(next(s))) < 0)
			return modules_fail(s, "key too long");
	if (key.len == 0)
		return modules_fail(s, "expected a key, a section or a comment");
	skip_blanks(s);
	if (peek(s) == '=') {
		next(s);
		if (read_value(s, &value) < 0)
			return -1;
	} else if (peek(s) == '#' || peek(s) == ';') {
		skip_line(s);
	} else if (peek(s) >= 0 && peek(s) != '\n') {
		return modules_fail(s, "expected = after the key");
	}
	store(s, buf_cstr(&key), &value);
	return 0;
}

int gitmodules_parse(const char *text, size_t n, struct gitmodules *ret, struct err *e)
{
	struct parser s = { .p = text, .end = text + n, .line = 1, .list = ret, .e = e };

	if (n > GITMODULES_BYTES)
		return err_set(
			e, ERR_LIMIT, ".gitmodules: larger than %d KiB", GITMODULES_BYTES >> 10);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		s.p += 3;
	while (peek(&s) >= 0) {
		int c = peek(&s);
		int rc = 0;

		if (isspace(c)) {
			next(&s);
		} else if (c == '#' || c == ';') {
			skip_line(&s);
		} else if (c == '[') {
			next(&s);
			rc = read_section(&s);
		} else {
			rc = read_entry(&s);
		}
		if (rc < 0)
			return -1;
	}
	return 0;
}

void gitmodules_release(struct gitmodules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].path);
		free(m->v[i].url);
	}
	free(m->v);
	*m = (struct gitmodules){ 0 };
}

const struct gitmodule *gitmodules_find(const struct gitmodules *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].path && str_eq(m->v[i].path, path))
			return &m->v[i];
	return NULL;
}
