/*
 * Names are resolved like a shell user expects: a path that exists wins, then the name in
 * .shithub/workflows with and without its extension.
 */
#include "runner/local/files.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/fs.h"

static bool is_workflow(const struct dirent *d)
{
	return *d->d_name != '.' && (str_ends(d->d_name, ".yml") || str_ends(d->d_name, ".yaml"));
}

static int only_workflows(const struct dirent *d)
{
	return is_workflow(d);
}

int local_files_list(const char *root, struct strv *ret, struct err *e)
{
	CLEAN_STR char *dir = path_join(root, LOCAL_WORKFLOW_DIR);
	struct dirent **found = NULL;
	int n = scandir(dir, &found, only_workflows, alphasort);

	if (n < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_set_errno(e, errno, "list %s", dir);
	for (int i = 0; i < n; i++) {
		strv_add(ret, found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return 0;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

static void set_paths(const char *root, const char *name, char **ret_path, char **ret_shown)
{
	*ret_path = xasprintf("%s/%s/%s", root, LOCAL_WORKFLOW_DIR, name);
	*ret_shown = xasprintf("%s/%s", LOCAL_WORKFLOW_DIR, name);
}

static bool try_name(const char *root, const char *wanted, const struct strv *names,
	char **ret_path, char **ret_shown)
{
	static const char *const endings[] = { "", ".yml", ".yaml" };

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		CLEAN_STR char *name = xasprintf("%s%s", wanted, endings[i]);

		if (strv_contains(names, name)) {
			set_paths(root, name, ret_path, ret_shown);
			return true;
		}
	}
	return false;
}

static int none_fits(const char *root, const char *wanted, const struct strv *names, struct err *e)
{
	CLEAN_BUF struct buf known = BUF_INIT(600);

	strv_each (name, names)
		buf_addf(&known, " %s", name);
	if (names->n == 0)
		return err_set(e, ERR_NOT_FOUND,
			"%s%sno workflow in %s/%s, expected a file that ends in .yml or .yaml",
			wanted ? wanted : "", wanted ? ": no such file, and " : "", root,
			LOCAL_WORKFLOW_DIR);
	if (wanted)
		return err_set(e, ERR_NOT_FOUND, "%s: no such file, expected a path or one of:%s",
			wanted, buf_cstr(&known));
	return err_set(e, ERR_INPUT, "several workflows, expected one of:%s", buf_cstr(&known));
}

int local_files_find(
	const char *root, const char *wanted, char **ret_path, char **ret_shown, struct err *e)
{
	CLEANUP(strv_release) struct strv names = { 0 };

	if (wanted && is_file(wanted)) {
		CLEAN_STR char *below = xasprintf("%s/", root);

		*ret_path = xstrdup(wanted);
		*ret_shown = xstrdup(str_starts(wanted, below) ? wanted + strlen(below) : wanted);
		return 0;
	}
	if (local_files_list(root, &names, e) < 0)
		return -1;
	if (!wanted && names.n == 1) {
		set_paths(root, names.v[0], ret_path, ret_shown);
		return 0;
	}
	if (wanted && try_name(root, wanted, &names, ret_path, ret_shown))
		return 0;
	return none_fits(root, wanted, &names, e);
}
