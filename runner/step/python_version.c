/*
 * Wishes come in three dialects (npm ranges, PEP 440, plain numbers), and all of them become
 * conditions on up to three numbers. A condition on fewer parts than a version has compares only
 * these: 3.11 means any 3.11.x.
 */
#include "runner/step/python_version.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "config/toml.h"

#define PART_MAX 100000

/* ---- wishes ---- */

static const struct {
	const char *text; /* longer ones first */
	enum python_op op;
} operators[] = {
	{ ">=", PYTHON_AT_LEAST },
	{ "<=", PYTHON_MAX },
	{ "==", PYTHON_EQUAL },
	{ "!=", PYTHON_NOT_EQUAL },
	{ "~=", PYTHON_COMPATIBLE },
	{ ">", PYTHON_ABOVE },
	{ "<", PYTHON_BELOW },
	{ "=", PYTHON_EQUAL },
	{ "~", PYTHON_TILDE },
	{ "^", PYTHON_CARET },
};

static enum python_op take_operator(const char **p)
{
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (!str_starts(*p, operators[i].text))
			continue;
		*p += strlen(operators[i].text);
		*p += strspn(*p, " \t");
		return operators[i].op;
	}
	return PYTHON_EQUAL;
}

static bool take_part(const char **p, int64_t *ret)
{
	size_t n = strspn(*p, "0123456789");
	CLEAN_STR char *digits = xmemdup0(*p, n);

	if (!parse_i64(digits, 0, PART_MAX, ret))
		return false;
	*p += n;
	return true;
}

/* 3, 3.x, 3.11.*, x: parts up to the first wildcard; false: neither. */
static bool take_version(const char **p, struct python_condition *c)
{
	bool wild = false;

	for (c->n = 0;; (*p)++) {
		if (**p && strchr("xX*", **p)) {
			wild = true;
			(*p)++;
		} else if (wild || c->n == 3 || !take_part(p, &c->part[c->n])) {
			return false;
		} else {
			c->n++;
		}
		if (**p != '.')
			break;
	}
	return !**p || strchr(" \t,|", **p);
}

static int wish_malformed(const char *text, struct err *e)
{
	return err_set(e, ERR_INPUT,
		"version \"%.100s\": expected 3, 3.x, 3.11, 3.11.2 or a range like "
		"\">=3.9 <3.13\"",
		text);
}

int python_wish_parse(const char *text, struct python_wish *ret, struct err *e)
{
	struct python_wish w = { 0 };
	bool first = true;

	for (const char *p = text; *p;) {
		if (strchr(" \t,", *p)) {
			p++;
		} else if (str_starts(p, "||") && !first) {
			p += 2;
			first = true;
		} else if (w.n == PYTHON_CONDITIONS) {
			return err_set(e, ERR_LIMIT, "version: more than %d conditions",
				PYTHON_CONDITIONS);
		} else {
			struct python_condition *c = &w.v[w.n++];

			c->first = first;
			first = false;
			c->op = take_operator(&p);
			if (!take_version(&p, c))
				return wish_malformed(text, e);
		}
	}
	if (w.n == 0 || first)
		return wish_malformed(text, e);
	*ret = w;
	return 0;
}

/* Of the first n parts. */
static int compare(const int64_t *a, const int64_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* How many leading parts a version must share with the condition's. */
static size_t shared_parts(const struct python_condition *c)
{
	size_t most = c->op == PYTHON_TILDE ? 2 : 1;

	if (c->op == PYTHON_COMPATIBLE && c->n > 2)
		most = c->n - 1;
	return c->n < most ? c->n : most;
}

static bool meets(const struct python_condition *c, const int64_t *version)
{
	int order = compare(version, c->part, c->n);

	switch (c->op) {
	case PYTHON_EQUAL:
		return order == 0;
	case PYTHON_NOT_EQUAL:
		return order != 0;
	case PYTHON_AT_LEAST:
		return order >= 0;
	case PYTHON_ABOVE:
		return order > 0;
	case PYTHON_MAX:
		return order <= 0;
	case PYTHON_BELOW:
		return order < 0;
	case PYTHON_TILDE:
	case PYTHON_COMPATIBLE:
	case PYTHON_CARET:
		return order >= 0 && compare(version, c->part, shared_parts(c)) == 0;
	}
	BUG("python operator %d", c->op);
}

bool python_wish_meets(const struct python_wish *w, const int64_t version[3])
{
	bool all = w->n == 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].first && all)
			return true;
		all = (w->v[i].first || all) && meets(&w->v[i], version);
	}
	return all;
}

/* ---- files ---- */

static const struct toml_value *lookup(const struct toml_value *at, const char *path)
{
	CLEANUP(strv_release) struct strv parts = { 0 };

	strv_split(&parts, path, '.');
	strv_each (part, &parts)
		at = at ? toml_get(at, part) : NULL;
	return at && at->type == TOML_STRING ? at : NULL;
}

static char *of_toml(const char *name, const char *text, size_t n, struct err *e)
{
	static const char *const places[] = { "project.requires-python",
		"tool.poetry.dependencies.python", "requires.python_full_version",
		"requires.python_version" };
	struct toml_error why;
	CLEAN_TOML struct toml_doc *doc = toml_parse(text, n, &why);

	if (!doc) {
		err_set(e, ERR_INPUT, "%s:%u:%u: %s", name, why.line, why.column, why.reason);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		const struct toml_value *found = lookup(toml_root(doc), places[i]);

		if (found)
			return xstrdup(found->string);
	}
	err_set(e, ERR_INPUT, "%s: names no version, expected %s or %s", name, places[0],
		str_ends(name, "Pipfile") ? places[3] : places[1]);
	return NULL;
}

/* The first line that says something; of .tool-versions the one about python. */
static char *of_lines(const char *name, const char *text, struct err *e)
{
	CLEANUP(strv_release) struct strv lines = { 0 };
	bool tools = str_ends(name, ".tool-versions");

	strv_split(&lines, text, '\n');
	strv_each (line, &lines) {
		const char *start = line;

		if (tools && str_starts(line, "python") && strchr(" \t", line[6]) && line[6])
			start = line + 6;
		else if (tools)
			continue;
		start += strspn(start, " \t");
		size_t len = strcspn(start, "#\r");
		while (len && strchr(" \t", start[len - 1]))
			len--;
		if (len)
			return xmemdup0(start, len);
	}
	err_set(e, ERR_INPUT, "%s: names no version", name);
	return NULL;
}

char *python_wish_of_file(const char *name, const char *text, size_t n, struct err *e)
{
	if (n > LIMIT_CONFIG_FILE || memchr(text, 0, n)) {
		err_set(e, ERR_INPUT, "%s: too large or not a text", name);
		return NULL;
	}
	if (str_ends(name, ".toml") || str_ends(name, "Pipfile"))
		return of_toml(name, text, n, e);
	CLEAN_STR char *copy = xmemdup0(text, n);
	return of_lines(name, copy, e);
}

/* ---- what an image has ---- */

static bool is_path(const char *s)
{
	if (*s != '/' || strlen(s) > LIMIT_NAME || strchr(s, ':'))
		return false;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return utf8_valid(s, strlen(s));
}

static bool known(const struct python_list *l, const char *path)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].path, path))
			return true;
	return false;
}

static void add_line(struct python_list *l, const char *line)
{
	enum { WORD, VERSION, LEVEL, PIP, MACHINE, PREFIX, PATH, FIELDS };
	CLEANUP(strv_release) struct strv f = { 0 };
	struct python_condition c = { 0 };

	strv_split(&f, line, '\t');
	if (f.n != FIELDS || !str_eq(f.v[WORD], "python") || l->n == PYTHONS_MAX ||
		!is_path(f.v[PREFIX]) || !is_path(f.v[PATH]) || known(l, f.v[PATH]))
		return;
	const char *version = f.v[VERSION];
	if (!take_version(&version, &c) || c.n != 3 || *version)
		return;
	struct python *p = &l->v[l->n++];
	memcpy(p->version, c.part, sizeof(p->version));
	p->final = str_eq(f.v[LEVEL], "final");
	p->pip = str_eq(f.v[PIP], "pip");
	p->machine = xstrdup(f.v[MACHINE]);
	p->prefix = xstrdup(f.v[PREFIX]);
	p->path = xstrdup(f.v[PATH]);
}

void python_list_parse(const char *text, size_t n, struct python_list *ret)
{
	for (const char *end = text + n; text < end;) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((stop ? stop : end) - text);
		CLEAN_STR char *line = xmemdup0(text, len);

		if (strlen(line) == len)
			add_line(ret, line);
		text += len + 1;
	}
}

void python_list_release(struct python_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].machine);
		free(l->v[i].prefix);
		free(l->v[i].path);
	}
	l->n = 0;
}

const char *python_architecture(const char *machine)
{
	static const struct {
		const char *machine, *name;
	} names[] = {
		{ "x86_64", "x64" },
		{ "amd64", "x64" },
		{ "aarch64", "arm64" },
		{ "i386", "x86" },
		{ "i686", "x86" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(machine, names[i].machine))
			return names[i].name;
	return machine;
}

const struct python *python_choose(const struct python_list *l, const struct python_wish *w,
	bool prereleases, const char *architecture)
{
	const struct python *best = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct python *p = &l->v[i];

		if ((!p->final && !prereleases) || !python_wish_meets(w, p->version) ||
			(architecture && !str_eq(architecture, python_architecture(p->machine))))
			continue;
		if (!best || compare(p->version, best->version, 3) > 0)
			best = p;
	}
	return best;
}
