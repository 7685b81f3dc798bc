/* See local_repo.h. */
#include "runner/local_repo.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"

#define GIT_PATIENCE_US (300 * USEC_PER_SEC)
#define FILE_LIST_MAX MIB(256)
#define NO_COMMIT "0000000000000000000000000000000000000000"

extern char **environ;

void local_repo_release(struct local_repo *r)
{
	free(r->root);
	free(r->url);
	free(r->name);
	free(r->sha);
	free(r->ref);
	free(r->actor);
	free(r->label);
	close_fdp(&r->dir);
	close_fdp(&r->files);
	*r = (struct local_repo)LOCAL_REPO_INIT;
}

/* ---- asking git ---- */

static void trim_line(struct buf *b)
{
	while (b->len && (b->data[b->len - 1] == '\n' || b->data[b->len - 1] == '\r'))
		b->data[--b->len] = '\0';
}

/* The user's own environment (HOME, GIT_*), but no lock is taken for a mere look. */
static void git_env(struct strv *env)
{
	for (char **p = environ; *p; p++)
		if (!str_starts(*p, "GIT_OPTIONAL_LOCKS=") && !str_starts(*p, "LC_ALL="))
			strv_add(env, *p);
	strv_add(env, "GIT_OPTIONAL_LOCKS=0");
	strv_add(env, "LC_ALL=C.UTF-8");
}

/* words: ended by NULL. *ret_ok: it exited with 0. */
static int git(struct loop *l, const char *dir, const char *const *words, struct buf *out,
	bool *ret_ok, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT(KIB(4));
	struct proc_spec spec = { 0 };
	int status = 0;

	strv_add(&argv, "git");
	strv_add(&argv, "-c"); /* a repository's own hook program is not run */
	strv_add(&argv, "core.fsmonitor=false");
	for (; *words; words++)
		strv_add(&argv, *words);
	git_env(&env);
	spec.argv = argv.v;
	spec.envp = env.v;
	spec.cwd = dir;
	if (proc_run(l, &spec, NULL, 0, mono_add(mono_now(), GIT_PATIENCE_US), out, &said, &status,
		    e) < 0)
		return -1;
	if (out->failed)
		return err_set(e, ERR_LIMIT, "git %s: more than %zu MiB of output", argv.v[3],
			out->max >> 20);
	*ret_ok = status == 0;
	if (status != 0) {
		trim_line(&said);
		err_set(e, ERR_NOT_FOUND, "git %s: %.400s", argv.v[3],
			said.len ? buf_cstr(&said) : "it failed");
	}
	return 0;
}

/* One line, or fallback when git has no answer. */
static char *ask(struct loop *l, const char *dir, const char *const *words, const char *fallback)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct err e = { 0 };
	bool ok = false;

	if (git(l, dir, words, &out, &ok, &e) < 0 || !ok)
		return xstrdup(fallback);
	trim_line(&out);
	return buf_take(&out);
}

#define ASK(l, dir, fallback, ...) ask(l, dir, (const char *const[]){ __VA_ARGS__, NULL }, fallback)

/* ---- names ---- */

static bool plain(const char *s, size_t n, const char *extra)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	for (size_t i = 0; i < n; i++)
		if (!strchr(chars, s[i]) && !strchr(extra, s[i]))
			return false;
	return n > 0;
}

/* host[:port] and path, without the user in front and .git behind. */
static char *https_url(const char *host, size_t host_len, const char *path)
{
	const char *at = memrchr(host, '@', host_len);
	size_t n = strlen(path);

	if (at) {
		host_len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	while (*path == '/')
		path++, n--;
	while (n && path[n - 1] == '/')
		n--;
	if (n > 4 && memcmp(path + n - 4, ".git", 4) == 0)
		n -= 4;
	if (!plain(host, host_len, ":") || !plain(path, n, "/~") || strstr(path, ".."))
		return NULL;
	return xasprintf("https://%.*s/%.*s.git", (int)host_len, host, (int)n, path);
}

char *local_repo_url(const char *remote)
{
	static const char *const schemes[] = { "https://", "http://", "ssh://", "git://",
		"git+ssh://" };
	const char *colon;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const char *host = remote + strlen(schemes[i]);

		if (!str_starts(remote, schemes[i]))
			continue;
		size_t n = strcspn(host, "/");
		size_t port = i < 2 ? n : strcspn(host, ":/"); /* a port of ssh is none of https */
		const char *at = memchr(host, '@', n);
		if (i >= 2 && at)
			port = (size_t)(at - host) + strcspn(at, ":/");
		return https_url(host, port, host + n);
	}
	colon = strchr(remote, ':');
	if (!colon || strstr(remote, "://") || memchr(remote, '/', (size_t)(colon - remote)))
		return NULL;
	return https_url(remote, (size_t)(colon - remote), colon + 1);
}

static void name_it(struct local_repo *r, const char *remote)
{
	const char *folder = strrchr(r->root, '/');
	size_t n;

	folder = folder && folder[1] ? folder + 1 : "repository";
	r->url = local_repo_url(remote);
	if (!r->url)
		r->url = xasprintf("http://localhost/local/%s.git",
			plain(folder, strlen(folder), "") ? folder : "repository");
	r->name = xstrdup(strchr(strstr(r->url, "://") + 3, '/') + 1);
	n = strlen(r->name);
	r->name[n - strlen(".git")] = '\0';
}

static const char *branch_of(const char *ref)
{
	return str_starts(ref, "refs/heads/") ? ref + strlen("refs/heads/") : NULL;
}

static void label_it(struct local_repo *r)
{
	const char *branch = branch_of(r->ref);

	if (str_eq(r->sha, NO_COMMIT))
		r->label = xasprintf("%s (work tree without a commit)", r->root);
	else if (branch)
		r->label = xasprintf("%s (work tree on %s at %.7s)", r->root, branch, r->sha);
	else
		r->label = xasprintf("%s (work tree at %.7s)", r->root, r->sha);
}

/* ---- opening ---- */

int local_repo_open(struct loop *l, const char *dir, struct local_repo *ret, struct err *e)
{
	static const char *const top[] = { "rev-parse", "--show-toplevel", NULL };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(8));
	bool ok = false;

	if (git(l, dir, top, &out, &ok, e) < 0)
		return err_wrap(e, "a local run asks git about the repository");
	if (!ok)
		return err_wrap(e, "no repository to run (%s)", dir);
	trim_line(&out);
	if (out.len == 0)
		return err_set(e, ERR_NOT_FOUND, "%s: a bare repository has no work tree", dir);
	*ret = (struct local_repo)LOCAL_REPO_INIT;
	ret->root = buf_take(&out);
	ret->sha = ASK(l, ret->root, NO_COMMIT, "rev-parse", "-q", "--verify", "HEAD");
	ret->ref = ASK(l, ret->root, "HEAD", "symbolic-ref", "-q", "HEAD");
	ret->actor = ASK(l, ret->root, "", "config", "--get", "user.name");
	CLEAN_STR char *remote = ASK(l, ret->root, "", "config", "--get", "remote.origin.url");
	name_it(ret, remote);
	label_it(ret);
	return 0;
}

static int keep_list(const struct buf *list, struct err *e)
{
	CLEAN_FD int fd = memfd_create("files", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set_errno(e, errno, "memory file for the list of files");
	if (fd_write_all(fd, buf_cstr(list), list->len, e) < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_set_errno(e, errno, "seal the list of files");
	return TAKE_FD(fd);
}

int local_repo_list(struct loop *l, struct local_repo *r, struct err *e)
{
	static const char *const list[] = { "ls-files", "-z", "--cached", "--others",
		"--exclude-standard", NULL };
	CLEAN_BUF struct buf out = BUF_INIT(FILE_LIST_MAX);
	bool ok = false;

	if (git(l, r->root, list, &out, &ok, e) < 0 || !ok)
		return err_wrap(e, "list the files of %s", r->root);
	r->dir = open(r->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return err_set_errno(e, errno, "open %s", r->root);
	r->files = keep_list(&out, e);
	return r->files < 0 ? -1 : 0;
}
