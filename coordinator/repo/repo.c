/*
 * Making and naming repositories. Owner and name become a folder and part of a URL, so the set of
 * characters is small and words that are the coordinator's own paths are refused. libgit2 reads no
 * configuration of the machine or the user: a bare repository behaves the same everywhere.
 */
#include "coordinator/repo/repo.h"

#include <errno.h>
#include <git2.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/utf8.h"
#include "coordinator/repo/git_error.h"
#include "coordinator/store/repo.h"

void repo_library_init(void)
{
	static const git_config_level_t levels[] = { GIT_CONFIG_LEVEL_PROGRAMDATA,
		GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG, GIT_CONFIG_LEVEL_GLOBAL };

	git_libgit2_init();
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
	git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
	/* the data folder is the operator's word for which repositories are ours */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}

void repo_library_shutdown(void)
{
	git_libgit2_shutdown();
}

int git_failed(struct err *e, int code, const char *what)
{
	const git_error *last = git_error_last();
	enum err_class class = code == GIT_ENOTFOUND ? ERR_NOT_FOUND
			       : code == GIT_EEXISTS ? ERR_CONFLICT
						     : ERR_INPUT;

	return err_set(e, class, "%s: %s", what, last ? last->message : "unknown error of libgit2");
}

static const char letters_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";

static bool only_chars(const char *s, size_t n_chars)
{
	for (; *s; s++)
		if (!memchr(letters_digits, *s, n_chars))
			return false;
	return true;
}

/* First segments of the coordinator's own paths, and one that may become one. No two owners differ
 * in capitals alone, so these do not either. */
static bool owner_reserved(const char *owner)
{
	static const char *const words[] = { "admin", "api", "audit", "healthz", "hygiene", "login",
		"logout", "metrics", "objects", "queue", "runners", "sessions", "static" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(words[i], owner) == 0)
			return true;
	return false;
}

int repo_owner_check(const char *owner, struct err *e)
{
	size_t all = sizeof(letters_digits) - 1;

	if (!*owner || strlen(owner) > REPO_OWNER_MAX || !only_chars(owner, all - 2) ||
		*owner == '-' || str_ends(owner, "-"))
		return err_set(e, ERR_INPUT,
			"bad owner \"%.100s\", expected 1 to %d letters, digits or '-' inside",
			owner, REPO_OWNER_MAX);
	return 0;
}

int repo_owner_new_check(const char *owner, struct err *e)
{
	if (repo_owner_check(owner, e) < 0)
		return -1;
	if (owner_reserved(owner))
		return err_set(e, ERR_INPUT, "owner \"%s\" is reserved, expected another", owner);
	return 0;
}

int repo_name_check(const char *owner, const char *name, struct err *e)
{
	size_t all = sizeof(letters_digits) - 1;

	if (repo_owner_new_check(owner, e) < 0)
		return -1;
	if (!*name || strlen(name) > REPO_NAME_MAX || !only_chars(name, all) || *name == '.' ||
		*name == '-')
		return err_set(e, ERR_INPUT,
			"bad repository name \"%.200s\", expected 1 to %d of A-Z a-z 0-9 . _ -, "
			"not starting with '.' or '-'",
			name, REPO_NAME_MAX);
	if (str_ends(name, ".git") || str_ends(name, ".lock"))
		return err_set(e, ERR_INPUT,
			"bad repository name \"%s\", expected no ending .git or .lock", name);
	return 0;
}

int repo_name_split(const char *full, char **ret_owner, char **ret_name, struct err *e)
{
	const char *slash = strchr(full, '/');

	if (!slash)
		return err_set(
			e, ERR_INPUT, "bad repository \"%.200s\", expected OWNER/NAME", full);
	CLEAN_STR char *owner = xstrndup(full, (size_t)(slash - full));
	if (repo_name_check(owner, slash + 1, e) < 0)
		return -1;
	*ret_owner = TAKE(owner);
	*ret_name = xstrdup(slash + 1);
	return 0;
}

int repo_branch_check(const char *branch, struct err *e)
{
	CLEAN_STR char *ref = xasprintf("refs/heads/%s", branch);
	int valid = 0;

	if (git_reference_name_is_valid(&valid, ref) < 0 || !valid || *branch == '-' ||
		strlen(ref) > 250 || !utf8_valid(ref, strlen(ref)))
		return err_set(e, ERR_INPUT,
			"bad branch \"%.100s\", expected a name that git allows", branch);
	return 0;
}

char *repo_path(const char *data_dir, const struct repo_row *row)
{
	return xasprintf("%s/repos/%s/%s.git", data_dir, row->owner, row->name);
}

struct setting {
	const char *name, *value;
};

/*
 * Any object of a repository may be asked for by its id: a runner fetches exactly head_sha, and the
 * commit of a queued or repeated job may have left every branch since. For the same reason git must
 * not collect what it holds for unreachable. Hooks never run, whatever lies in the folder.
 */
static const struct setting settings[] = {
	{ "uploadpack.allowAnySHA1InWant", "true" },
	{ "uploadpack.allowFilter", "true" },
	{ "receive.fsckObjects", "true" },
	{ "receive.maxInputSize", "4g" }, /* LIMIT_PACK: what a runner could check out */
	{ "receive.autogc", "false" },
	{ "receive.advertisePushOptions", "false" },
	{ "gc.auto", "0" },
	{ "core.hooksPath", "/dev/null" },
};

static int repo_configure(git_repository *repo, struct err *e)
{
	git_config *config = NULL;
	int rc = git_repository_config(&config, repo);

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(settings); i++)
		rc = git_config_set_string(config, settings[i].name, settings[i].value);
	git_config_free(config);
	return rc < 0 ? git_failed(e, rc, "configure repository") : 0;
}

int repo_create(const char *path, const char *default_branch, struct err *e)
{
	git_repository_init_options opts = GIT_REPOSITORY_INIT_OPTIONS_INIT;
	git_repository *repo = NULL;
	struct stat st;

	if (repo_branch_check(default_branch, e) < 0)
		return -1;
	if (lstat(path, &st) == 0)
		return err_set(e, ERR_CONFLICT, "%s exists already", path);
	opts.flags = GIT_REPOSITORY_INIT_BARE | GIT_REPOSITORY_INIT_NO_REINIT |
		     GIT_REPOSITORY_INIT_MKPATH;
	opts.initial_head = default_branch;
	int rc = git_repository_init_ext(&repo, path, &opts);
	if (rc < 0)
		git_failed(e, rc, path);
	else
		rc = repo_configure(repo, e);
	git_repository_free(repo);
	if (rc < 0)
		repo_discard(path);
	return rc < 0 ? -1 : 0;
}

void repo_discard(const char *path)
{
	const char *slash = strrchr(path, '/');
	CLEAN_STR char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	CLEAN_FD int fd = dir_open(parent, NULL);
	uint64_t left;

	if (fd >= 0 && tree_remove(fd, slash ? slash + 1 : path, &left, NULL) < 0)
		return; /* the caller reports why it gave up; what stays makes a retry fail clearly
			 */
}
