/* A walk over the folder each time: a fetch over a network takes longer, and nothing must be kept
 * in step with the files. */
#include "coordinator/object/cache.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"

struct cached {
	char *key;
	int64_t size;
	time_t used;
};
struct list {
	const struct files *files;
	const char *fetched;
	struct cached *v;
	size_t n;
	int64_t bytes;
};

static int cached_add(void *data, const char *key, int64_t size, struct err *e UNUSED)
{
	struct list *l = data;
	CLEAN_STR char *path = path_join(l->files->folder, key);
	struct stat st;

	l->bytes += size;
	if (str_eq(key, l->fetched) || stat(path, &st) < 0)
		return 0;
	l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
	l->v[l->n++] = (struct cached){ xstrdup(key), size, st.st_mtime };
	return 0;
}

static int by_use(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	return x->used < y->used ? -1 : x->used > y->used;
}

void cache_trim(const struct files *f, const char *fetched)
{
	struct list l = { .files = f, .fetched = fetched };
	time_t now = time(NULL);

	IGNORE_RESULT(files_each(f, cached_add, &l, NULL), "what was not seen is left");
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), by_use);
	for (size_t i = 0; i < l.n; i++) {
		bool old = now - l.v[i].used > CACHE_AGE_S;

		if ((old || l.bytes > CACHE_BYTES) && files_delete(f, l.v[i].key, NULL) == 0)
			l.bytes -= l.v[i].size;
		free(l.v[i].key);
	}
	free(l.v);
}
