/*
 * Git itself is asked, not libgit2: the user's own configuration (worktrees, includes,
 * safe.directory, sparse checkouts) must count, and only git honours all of it.
 */
#include "runner/local/git.h"

#include "base/limits.h"
#include "base/proc.h"

#define GIT_PATIENCE_US (300 * USEC_PER_SEC)
/* A repository's own hook program is not run; in one of ours no hook and nothing in the background,
 * and it keeps no log of where it came from. */
#define SETTINGS "-c core.fsmonitor=false"
#define OWN_SETTINGS                                                                   \
	SETTINGS " -c core.hooksPath=/dev/null -c gc.auto=0 -c maintenance.auto=false" \
		 " -c core.logAllRefUpdates=false -c fetch.unpackLimit=1 -c "          \
		 "protocol.file.allow=always"

extern char **environ;

void local_git_trim(struct buf *b)
{
	while (b->len && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r'))
		b->data[--b->len] = '\0';
}

/* Variables that say which repository is meant; set where a hook starts us. */
static const char *const places[] = { "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=",
	"GIT_COMMON_DIR=", "GIT_OBJECT_DIRECTORY=", "GIT_ALTERNATE_OBJECT_DIRECTORIES=",
	"GIT_NAMESPACE=", "GIT_SHALLOW_FILE=", "GIT_GRAFT_FILE=", "GIT_PREFIX=" };

static bool names_a_place(const char *variable)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_starts(variable, places[i]))
			return true;
	return false;
}

/* The user's own environment (HOME, GIT_*), but no lock is taken for reading. */
static void git_env(bool own, struct strv *env)
{
	for (char **p = environ; *p; p++)
		if (!str_starts(*p, "GIT_OPTIONAL_LOCKS=") && !str_starts(*p, "LC_ALL=") &&
			!(own && names_a_place(*p)))
			strv_add(env, *p);
	strv_add(env, "GIT_OPTIONAL_LOCKS=0");
	strv_add(env, "LC_ALL=C.UTF-8");
}

/* What git said on several lines. */
static void one_line(struct buf *b)
{
	size_t n = 0;

	local_git_trim(b);
	for (size_t i = 0; i < b->len; i++) {
		bool blank = strchr(" \t\r\n", b->data[i]) != NULL;

		if (!blank || (n > 0 && b->data[n - 1] != ' '))
			b->data[n++] = blank ? ' ' : b->data[i];
	}
	b->len = n;
	if (b->data)
		b->data[n] = '\0';
}

static int run_git(struct loop *l, const char *dir, bool own, const char *const *words,
	struct buf *out, bool *ret_ok, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT(KIB(4));
	struct proc_spec spec = { 0 };
	const char *verb = *words;
	int status = 0;

	strv_add(&argv, "git");
	strv_split(&argv, own ? OWN_SETTINGS : SETTINGS, ' ');
	for (; *words; words++)
		strv_add(&argv, *words);
	git_env(own, &env);
	spec.argv = argv.v;
	spec.envp = env.v;
	spec.cwd = dir;
	if (proc_run(l, &spec, NULL, 0, mono_add(mono_now(), GIT_PATIENCE_US), out, &said, &status,
		    e) < 0)
		return -1;
	if (out->failed)
		return err_set(
			e, ERR_LIMIT, "git %s: more than %zu MiB of output", verb, out->max >> 20);
	*ret_ok = status == 0;
	if (status != 0) {
		one_line(&said);
		err_set(e, ERR_NOT_FOUND, "git %s: %.400s", verb,
			said.len ? buf_cstr(&said) : "it failed");
	}
	return 0;
}

int local_git(struct loop *l, const char *dir, const char *const *words, struct buf *out,
	bool *ret_ok, struct err *e)
{
	return run_git(l, dir, false, words, out, ret_ok, e);
}

int local_git_own(struct loop *l, const char *dir, const char *const *words, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	bool ok = false;

	return run_git(l, dir, true, words, &out, &ok, e) < 0 || !ok ? -1 : 0;
}
