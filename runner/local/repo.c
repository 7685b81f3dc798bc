/*
 * What git says of the repository around a folder. Paths go to the copy as NUL-ended lists in a
 * memory file. A repository in the repository is a folder to git, and one path of its own to
 * nobody.
 */
#include "runner/local/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "runner/local/git.h"

#define ORIGIN_HEADS "refs/remotes/origin/"
#define FILE_LIST_MAX MIB(256)
#define NO_COMMIT EVENT_NO_COMMIT

void local_repo_release(struct local_repo *r)
{
	free(r->root);
	free(r->url);
	free(r->name);
	free(r->sha);
	free(r->ref);
	free(r->actor);
	free(r->label);
	free(r->before);
	free(r->default_branch);
	free(r->text);
	close_fdp(&r->dir);
	close_fdp(&r->files);
	close_fdp(&r->history);
	close_fdp(&r->history_files);
	strv_release(&r->left_out);
	*r = (struct local_repo)LOCAL_REPO_INIT;
}

/* ---- asking git ---- */

/* One line, or fallback when git has no answer. */
static char *ask(struct loop *l, const char *dir, const char *const *words, const char *fallback)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct err e = { 0 };
	bool ok = false;

	if (local_git(l, dir, words, &out, &ok, &e) < 0 || !ok)
		return xstrdup(fallback);
	local_git_trim(&out);
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

/* Cuts the first line off *text; NULL when there is none or it is no UTF-8. */
static const char *next_line(char **text)
{
	char *line = *text, *end = line ? strchr(line, '\n') : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return utf8_valid(line, strlen(line)) ? line : NULL;
}

/* No signature check and no colour, whatever the user's log looks like. */
static void describe_commit(struct loop *l, struct local_repo *r)
{
	CLEAN_STR char *said = ASK(l, r->root, "", "log", "-1", "--no-show-signature", "--no-color",
		"--encoding=UTF-8", "--format=%T%n%aI%n%an%n%ae%n%cn%n%ce%n%B", "HEAD");
	char *rest = r->text = xasprintf("%s\n", said);
	struct event_commit *c = &r->commit;
	const char **const lines[] = { &c->tree, &c->timestamp, &c->author_name, &c->author_email,
		&c->committer_name, &c->committer_email };

	if (!*said)
		return;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		*lines[i] = next_line(&rest);
	c->message = utf8_valid(rest, strlen(rest)) ? rest : NULL;
	r->before = ASK(l, r->root, "", "rev-parse", "-q", "--verify", "HEAD^");
	if (!*r->before)
		free_charp(&r->before);
}

static void describe_remote(struct loop *l, struct local_repo *r)
{
	CLEAN_STR char *head =
		ASK(l, r->root, "", "symbolic-ref", "-q", "refs/remotes/origin/HEAD");

	if (str_starts(head, ORIGIN_HEADS))
		r->default_branch = xstrdup(head + strlen(ORIGIN_HEADS));
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

char *local_user_name(void)
{
	/* cppcheck-suppress getpwuidCalled ; one thread */
	const struct passwd *p = getpwuid(getuid());

	return xstrdup(p && utf8_valid(p->pw_name, strlen(p->pw_name)) ? p->pw_name : "local");
}

int local_repo_open(struct loop *l, const char *dir, struct local_repo *ret, struct err *e)
{
	static const char *const top[] = { "rev-parse", "--show-toplevel", NULL };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(8));
	bool ok = false;

	if (local_git(l, dir, top, &out, &ok, e) < 0)
		return err_wrap(e, "a local run asks git about the repository");
	if (!ok)
		return err_wrap(e, "no repository to run (%s)", dir);
	local_git_trim(&out);
	if (out.len == 0)
		return err_set(e, ERR_NOT_FOUND, "%s: a bare repository has no work tree", dir);
	*ret = (struct local_repo)LOCAL_REPO_INIT;
	ret->root = buf_take(&out);
	ret->sha = ASK(l, ret->root, NO_COMMIT, "rev-parse", "-q", "--verify", "HEAD");
	ret->ref = ASK(l, ret->root, "HEAD", "symbolic-ref", "-q", "HEAD");
	CLEAN_STR char *login = local_user_name();
	ret->actor = ASK(l, ret->root, login, "config", "--get", "user.name");
	describe_remote(l, ret);
	CLEAN_STR char *remote = ASK(l, ret->root, "", "config", "--get", "remote.origin.url");
	name_it(ret, remote);
	describe_commit(l, ret);
	label_it(ret);
	return 0;
}

int local_repo_keep_list(const struct buf *list, struct err *e)
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

static bool is_folder(int dir, const char *path)
{
	struct stat st;

	return str_ends(path, "/") ||
	       (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode));
}

/* Git lists a folder only where another repository begins. In place: the list only shrinks. */
static void leave_out_folders(struct local_repo *r, struct buf *list)
{
	size_t kept = 0;

	for (size_t at = 0, len; at < list->len; at += len) {
		const char *path = list->data + at;

		len = strnlen(path, list->len - at) + 1;
		if (is_folder(r->dir, path)) {
			strv_add_take(&r->left_out,
				xstrndup(path, len - 1 - (size_t)str_ends(path, "/")));
			continue;
		}
		memmove(list->data + kept, path, len);
		kept += len;
	}
	list->len = kept;
	strv_sort(&r->left_out);
}

int local_repo_list(struct loop *l, struct local_repo *r, struct err *e)
{
	static const char *const list[] = { "ls-files", "-z", "--cached", "--others",
		"--exclude-standard", NULL };
	CLEAN_BUF struct buf out = BUF_INIT(FILE_LIST_MAX);
	bool ok = false;

	if (local_git(l, r->root, list, &out, &ok, e) < 0 || !ok)
		return err_wrap(e, "list the files of %s", r->root);
	r->dir = open(r->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir < 0)
		return err_set_errno(e, errno, "open %s", r->root);
	leave_out_folders(r, &out);
	r->files = local_repo_keep_list(&out, e);
	return r->files < 0 ? -1 : 0;
}
