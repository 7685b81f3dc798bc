/*
 * A tree lists ".gitattributes" somewhere among the names of its folder, perhaps behind the folders
 * that it rules; so the files are sorted by depth first. A link of that name is not followed: git
 * does not either.
 */
#include "checkout/tree_attributes.h"

#include <sys/stat.h>

#include "base/limits.h"

static const char name[] = ".gitattributes";

static size_t depth_of(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

static int by_depth(const void *a, const void *b)
{
	const git_index_entry *x = *(const git_index_entry *const *)a,
			      *y = *(const git_index_entry *const *)b;
	size_t m = depth_of(x->path), n = depth_of(y->path);

	return (m > n) - (m < n);
}

static bool is_rules(const git_index_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');

	return S_ISREG(entry->mode) && str_eq(slash ? slash + 1 : entry->path, name);
}

static int add_file(struct attributes *a, git_odb *odb, const git_index_entry *entry, struct err *e)
{
	CLEAN_STR char *dir = xmemdup0(entry->path, strlen(entry->path) - strlen(name));
	git_odb_object *object;

	if (git_odb_read(&object, odb, &entry->id) < 0)
		return git_fail(e, entry->path);
	attributes_add(a, dir, git_odb_object_data(object), git_odb_object_size(object));
	git_odb_object_free(object);
	return 0;
}

/* The files in order of depth; *ret_n of them. */
static const git_index_entry **find_files(const struct tree_list *l, size_t *ret_n)
{
	const git_index_entry **files = xcalloc(l->n + 1, sizeof(const git_index_entry *));

	*ret_n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (is_rules(&l->v[i]))
			files[(*ret_n)++] = &l->v[i];
	}
	qsort(files, *ret_n, sizeof(*files), by_depth);
	return files;
}

struct attributes *tree_attributes(git_repository *repo, const struct tree_list *l, struct err *e)
{
	CLEANUP(attributes_freep) struct attributes *a = attributes_new();
	git_odb *odb = NULL;
	size_t n, bytes = 0;
	const git_index_entry **files = find_files(l, &n);
	int rc = git_repository_odb(&odb, repo) < 0 ? git_fail(e, "open the object store") : 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		bytes += files[i]->file_size;
		rc = bytes > LIMIT_TREE_RULES
			     ? err_set(e, ERR_LIMIT, "the %s are too large together", name)
			     : add_file(a, odb, files[i], e);
	}
	git_odb_free(odb);
	free(files);
	return rc < 0 ? NULL : TAKE(a);
}
