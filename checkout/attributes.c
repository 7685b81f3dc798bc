/*
 * Rules are asked from the last one to the first, and the first answer stands. So a macro is
 * expanded where it is named, unless something of higher rank has already said what it is; that is
 * how git does it, and applying the rules forwards would not come to the same.
 */
#include "checkout/attributes.h"

#include "checkout/wild.h"

enum { LINE_MAX_BYTES = 2048 /* git ignores longer lines */, BUCKETS = 4096 };

#define BLANKS " \t\r\n"
#define MACRO "[attr]"

const char ATTRIBUTE_SET[] = "true", ATTRIBUTE_UNSET[] = "false";
static const char UNSPECIFIED[] = ""; /* "!text": known not to be said */

struct state {
	uint32_t name; /* index of names */
	const char *value;
};

struct name {
	char *text;
	uint32_t next; /* in its bucket, as there */
};

struct rule {
	char *text;     /* the line; names and values point into it */
	char *pattern;  /* NULL: a macro */
	uint32_t macro; /* its name */
	size_t dir;     /* length of the folder's path, of dirs[file] */
	uint32_t file;
	struct state *states;
	uint32_t n;
};

struct attributes {
	struct name *names;
	uint32_t n_names, names_cap;
	uint32_t buckets[BUCKETS]; /* 1 + index of the newest name, 0: none */
	char **dirs;
	uint32_t n_dirs;
	struct rule *rules;
	size_t n, cap;
};

static const char *const known_names[ATTRIBUTES] = { "text", "crlf", "eol", "ident",
	"working-tree-encoding" };

/* ---- names ---- */

static uint32_t *bucket_of(struct attributes *a, const char *name, size_t n)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return &a->buckets[hash % BUCKETS];
}

static uint32_t name_index(struct attributes *a, const char *name, size_t n)
{
	uint32_t *bucket = bucket_of(a, name, n);

	for (uint32_t i = *bucket; i; i = a->names[i - 1].next) {
		const char *other = a->names[i - 1].text;

		if (strlen(other) == n && memcmp(other, name, n) == 0)
			return i - 1;
	}
	if (a->n_names == a->names_cap) {
		a->names_cap = a->names_cap ? a->names_cap * 2 : 16;
		a->names = xrealloc(a->names, a->names_cap * sizeof(*a->names));
	}
	a->names[a->n_names] = (struct name){ xmemdup0(name, n), *bucket };
	*bucket = ++a->n_names;
	return a->n_names - 1;
}

static bool name_valid(const char *p, size_t n)
{
	if (n == 0 || *p == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') ||
			    (p[i] >= '0' && p[i] <= '9') || p[i] == '-' || p[i] == '_' ||
			    p[i] == '.'))
			return false;
	}
	return true;
}

/* ---- a line ---- */

/* One attribute at *p; advances it. False: git ignores the line. */
static bool parse_state(struct attributes *a, char **p, struct state *ret)
{
	char *word = *p;
	size_t n = strcspn(word, BLANKS);
	bool last = !word[n];
	const char *value = *word == '-' ? ATTRIBUTE_UNSET : *word == '!' ? UNSPECIFIED : NULL;

	word[n] = 0;
	*p = last ? word + n : word + n + 1;
	*p += strspn(*p, BLANKS);
	word += value ? 1 : 0;
	size_t len = strcspn(word, "=");
	if (!name_valid(word, len))
		return false;
	if (!value)
		value = word[len] ? word + len + 1 : ATTRIBUTE_SET;
	*ret = (struct state){ name_index(a, word, len), value };
	return true;
}

/* "…" as C quotes it, in place; returns what follows, NULL when it is no quoted text. */
static char *unquote(char *p)
{
	static const char from[] = "abfnrtv\\\"", to[] = "\a\b\f\n\r\t\v\\\"";
	char *out = p;

	for (p++; *p != '"'; p++) {
		if (!*p)
			return NULL;
		if (*p != '\\') {
			*out++ = *p;
			continue;
		}
		const char *hit = *++p ? strchr(from, *p) : NULL;
		if (hit) {
			*out++ = to[hit - from];
		} else if (*p >= '0' && *p <= '3' && p[1] >= '0' && p[1] <= '7' && p[2] >= '0' &&
			   p[2] <= '7') {
			*out++ = (char)((p[0] - '0') << 6 | (p[1] - '0') << 3 | (p[2] - '0'));
			p += 2;
		} else {
			return NULL;
		}
	}
	*out = 0;
	return p + 1;
}

/* Splits the line into its pattern, which becomes *ret, and the rest. */
static char *split_pattern(char *line, char **ret)
{
	if (*line == '"') {
		CLEAN_STR char *copy = xstrdup(line);
		char *rest = unquote(line);

		*ret = line;
		if (rest)
			return rest;
		memcpy(line, copy, strlen(copy) + 1); /* then the quote is part of a name */
	}
	size_t n = strcspn(line, BLANKS);
	char *rest = line + n + (line[n] ? 1 : 0);
	line[n] = 0;
	*ret = line;
	return rest;
}

static bool parse_head(struct attributes *a, struct rule *r, char *pattern)
{
	r->pattern = pattern;
	if (strlen(pattern) <= strlen(MACRO) || !str_starts(pattern, MACRO))
		return *pattern != '!'; /* git takes no negative pattern here */
	pattern += strlen(MACRO);
	if (r->dir || !name_valid(pattern, strlen(pattern)))
		return false;
	r->pattern = NULL;
	r->macro = name_index(a, pattern, strlen(pattern));
	return true;
}

static bool parse_states(struct attributes *a, struct rule *r, char *p)
{
	for (p += strspn(p, BLANKS); *p;) {
		struct state s;

		if (!parse_state(a, &p, &s))
			return false;
		r->states = xrealloc(r->states, (r->n + 1) * sizeof(*r->states));
		r->states[r->n++] = s;
	}
	return true;
}

static bool parse_rule(struct attributes *a, struct rule *r)
{
	char *p = r->text + strspn(r->text, BLANKS), *pattern, *rest;

	if (!*p || *p == '#' || strlen(r->text) >= LINE_MAX_BYTES)
		return false;
	rest = split_pattern(p, &pattern);
	return parse_head(a, r, pattern) && parse_states(a, r, rest) && r->n;
}

static void add_rule(struct attributes *a, uint32_t file, const char *line, size_t n)
{
	struct rule r = { .text = xmemdup0(line, n), .file = file, .dir = strlen(a->dirs[file]) };

	if (!parse_rule(a, &r)) {
		free(r.states);
		free(r.text);
		return;
	}
	if (a->n == a->cap) {
		a->cap = a->cap ? a->cap * 2 : 16;
		a->rules = xrealloc(a->rules, a->cap * sizeof(*a->rules));
	}
	a->rules[a->n++] = r;
}

void attributes_add(struct attributes *a, const char *dir, const char *text, size_t n)
{
	uint32_t file = a->n_dirs++;

	a->dirs = xrealloc(a->dirs, a->n_dirs * sizeof(*a->dirs));
	a->dirs[file] = xstrdup(dir);
	n = strnlen(text, n);
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t line = end ? (size_t)(end - text) : n, all = line + (end ? 1 : 0);

		add_rule(a, file, text, line);
		text += all;
		n -= all;
	}
}

struct attributes *attributes_new(void)
{
	static const char builtin[] = MACRO "binary -diff -merge -text";
	struct attributes *a = xcalloc(1, sizeof(*a));

	for (size_t i = 0; i < ATTRIBUTES; i++)
		name_index(a, known_names[i], strlen(known_names[i]));
	attributes_add(a, "", builtin, sizeof(builtin) - 1);
	return a;
}

void attributes_free(struct attributes *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++) {
		free(a->rules[i].states);
		free(a->rules[i].text);
	}
	for (uint32_t i = 0; i < a->n_names; i++)
		free(a->names[i].text);
	for (uint32_t i = 0; i < a->n_dirs; i++)
		free(a->dirs[i]);
	free(a->names);
	free(a->dirs);
	free(a->rules);
	free(a);
}

/* ---- a path ---- */

static bool rule_matches(const struct attributes *a, const struct rule *r, const char *path)
{
	const char *pattern = r->pattern;
	size_t n = strlen(pattern);

	if (strncmp(path, a->dirs[r->file], r->dir) != 0)
		return false;
	if (n == 0 || pattern[n - 1] == '/') /* for a folder, and files alone are asked for */
		return false;
	if (strchr(pattern, '/'))
		return wild_matches_path(pattern + (*pattern == '/'), path + r->dir);
	const char *name = strrchr(path, '/');
	return wild_matches(pattern, name ? name + 1 : path);
}

static const struct rule *macro_of(const struct attributes *a, uint32_t name)
{
	for (size_t i = a->n; i-- > 0;) {
		if (!a->rules[i].pattern && a->rules[i].macro == name)
			return &a->rules[i];
	}
	return NULL;
}

/* What the rule says of names that are not known yet. A macro inside a macro cannot come back to
 * itself: its own name is known by then. */
static void apply(const struct attributes *a, const struct rule *r, const char **values)
{
	for (uint32_t i = r->n; i-- > 0;) {
		const struct state *s = &r->states[i];

		if (values[s->name])
			continue;
		values[s->name] = s->value;
		const struct rule *macro = s->value == ATTRIBUTE_SET ? macro_of(a, s->name) : NULL;
		if (macro)
			apply(a, macro, values);
	}
}

void attributes_of(const struct attributes *a, const char *path, const char *ret[ATTRIBUTES])
{
	const char **values = xcalloc(a->n_names, sizeof(*values));

	for (size_t i = a->n; i-- > 0;) {
		if (a->rules[i].pattern && rule_matches(a, &a->rules[i], path))
			apply(a, &a->rules[i], values);
	}
	for (size_t i = 0; i < ATTRIBUTES; i++)
		ret[i] = values[i] == UNSPECIFIED ? NULL : values[i];
	free(values);
}
