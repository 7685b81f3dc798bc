/*
 * Sorted by suffix, which puts a starred name next to the names that it covers. Coverage is
 * decided by labels: "badexample.com" is not below "example.com".
 */
#include "network/allowlist.h"

static int compare(const void *a, const void *b)
{
	const struct allowed_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (int)x->below - (int)y->below;
}

void allowlist_init(struct allowlist *a, const struct strv *patterns)
{
	*a = (struct allowlist){ .v = xcalloc(patterns->n + 1, sizeof(*a->v)) };
	strv_each (pattern, patterns) {
		bool below = str_starts(pattern, "*.");

		a->v[a->n++] = (struct allowed_name){ pattern + (below ? 2 : 0), below };
	}
	qsort(a->v, a->n, sizeof(*a->v), compare);
}

void allowlist_release(struct allowlist *a)
{
	free(a->v);
	*a = (struct allowlist){ 0 };
}

/* Is name strictly below suffix? */
static bool is_below(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n > m + 1 && name[n - m - 1] == '.' && str_ends(name, suffix);
}

bool allowlist_covers(const struct allowlist *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct allowed_name *one = &a->v[i];

		if (str_eq(name, one->name) || (one->below && is_below(name, one->name)))
			return true;
	}
	return false;
}

bool allowlist_covers_below(const struct allowlist *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct allowed_name *one = &a->v[i];

		if (one->below && (str_eq(name, one->name) || is_below(name, one->name)))
			return true;
	}
	return false;
}
