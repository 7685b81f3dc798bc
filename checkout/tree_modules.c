/*
 * Entries of .gitmodules and of the tree must agree: a submodule counts only if both name its
 * path. The file is read from the object and not from the disk, where a filter may have changed
 * it.
 */
#include "checkout/tree_modules.h"

#include <sys/stat.h>

#include "checkout/gitmodules.h"
#include "checkout/submodule.h"

static const git_index_entry *find_gitmodules(const struct tree_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i].path, ".gitmodules") && S_ISREG(l->v[i].mode))
			return &l->v[i];
	return NULL;
}

/* From the object, not from the file: a filter may have changed that one. */
static int read_gitmodules(
	git_repository *repo, const struct tree_list *l, struct gitmodules *ret, struct err *e)
{
	const git_index_entry *entry = find_gitmodules(l);
	git_blob *blob = NULL;

	if (!entry)
		return 0;
	if (git_blob_lookup(&blob, repo, &entry->id) < 0)
		return git_fail(e, ".gitmodules");
	int rc =
		gitmodules_parse(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob), ret, e);
	git_blob_free(blob);
	return rc;
}

static int set_config(git_repository *repo, const struct submodule *m, struct err *e)
{
	CLEAN_STR char *url = xasprintf("submodule.%s.url", m->name),
		       *active = xasprintf("submodule.%s.active", m->name);
	git_config *config = NULL;
	int rc = git_repository_config(&config, repo);

	if (rc == 0)
		rc = git_config_set_string(config, url, m->url);
	if (rc == 0)
		rc = git_config_set_string(config, active, "true");
	git_config_free(config);
	return rc < 0 ? git_fail(e, "set the submodule's URL") : 0;
}

static int add_one(const struct gitmodules *known, const git_index_entry *entry, const char *base,
	struct submodule_list *ret, struct err *e)
{
	const struct gitmodule *found = gitmodules_find(known, entry->path);
	struct submodule *m;

	if (!found)
		return err_set(e, ERR_INPUT, "no entry in .gitmodules has this path");
	if (ret->n >= SUBMODULES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d submodules", SUBMODULES_MAX);
	ret->v = xrealloc(ret->v, (ret->n + 1) * sizeof(*ret->v));
	m = &ret->v[ret->n++];
	*m = (struct submodule){
		.name = xstrdup(found->name), .path = xstrdup(entry->path), .sha = xcalloc(1, 41)
	};
	git_oid_tostr(m->sha, 41, &entry->id);
	if (submodule_url(base, found->url, &m->url, e) < 0)
		return -1;
	return submodule_check(base, m, e);
}

int tree_modules(git_repository *repo, const struct tree_list *l, const char *base,
	struct submodule_list *ret, struct err *e)
{
	CLEANUP(gitmodules_release) struct gitmodules known = { 0 };

	if (read_gitmodules(repo, l, &known, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].mode != GIT_FILEMODE_COMMIT)
			continue;
		if (add_one(&known, &l->v[i], base, ret, e) < 0 ||
			set_config(repo, &ret->v[ret->n - 1], e) < 0)
			return err_wrap(e, "submodule \"%.200s\"", l->v[i].path);
	}
	return 0;
}
