/*
 * The usual table of distances, three rows of it at a time. Words of a command line are short: a
 * longer one is near to nothing, and so the rows have a fixed size.
 */
#include "base/nearest.h"

enum { WORD_MAX = 40 };

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), rows[3][WORD_MAX + 1];

	if (na > WORD_MAX || nb > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = min(min(above[j], row[j - 1]) + 1,
				above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

struct nearest nearest_to(const char *word)
{
	size_t n = strlen(word);

	/* as many mistakes as a word of that length may have and still be meant, and one more */
	return (struct nearest){ .word = word, .distance = (n < 4 ? 1 : n < 8 ? 2 : 3) + 1 };
}

void nearest_try(struct nearest *n, const char *known)
{
	size_t d = distance(n->word, known);

	if (d >= n->distance)
		return;
	n->distance = d;
	n->best = known;
}
