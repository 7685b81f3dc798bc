/*
 * Three passes: folders, files, links. While files are made no link of the tree exists yet, and a
 * file is only ever created (O_EXCL), so nothing can be written through a link or twice, whatever
 * the tree names. Landlock holds the rest of the machine off in any case.
 *
 * Most of the time goes into inflating objects, so files are shared out to a few threads; each has
 * its own handle of the repository, because libgit2's handles are not made for sharing. The stat
 * data of each new file goes into the index, or the first `git status` would read every file again.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "checkout/tree_write.h"

enum { THREADS_MAX = 4, SHARE = 32, THREADED_FROM = 4 * SHARE };

struct writing {
	struct tree_list *list;
	const git_oid *commit;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* over first */
	struct err first;     /* the first failure of any thread */
};

static void note_stat(git_index_entry *entry, const struct stat *st)
{
	entry->ctime.seconds = (int32_t)st->st_ctim.tv_sec;
	entry->ctime.nanoseconds = (uint32_t)st->st_ctim.tv_nsec;
	entry->mtime.seconds = (int32_t)st->st_mtim.tv_sec;
	entry->mtime.nanoseconds = (uint32_t)st->st_mtim.tv_nsec;
	/* the index keeps the low 32 bits of these; git compares just them */
	entry->dev = (uint32_t)st->st_dev;
	entry->ino = (uint32_t)st->st_ino;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->file_size = (uint32_t)st->st_size;
}

static int create_error(struct err *e, const char *path)
{
	if (errno == EEXIST) /* somebody else writes here: the tree itself names nothing twice */
		return err_set(e, ERR_CONFLICT, "\"%.400s\" appeared meanwhile", path);
	return err_set_errno(e, errno, "write \"%.400s\"", path);
}

/* What the tree wants to put here; a folder that others filled is theirs. */
static int make_way(const char *path, struct err *e)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR && (rmdir(path) == 0 || errno == ENOENT))
		return 0;
	return err_set_errno(e, errno, "clean: false: \"%.400s\" is in the way", path);
}

static int make_folder(const struct tree_list *l, const char *path, struct stat *st, struct err *e)
{
	bool there = l->keep && lstat(path, st) == 0;

	if (there && S_ISDIR(st->st_mode))
		return 0;
	if (there && make_way(path, e) < 0)
		return -1;
	return mkdir(path, 0755) < 0 || lstat(path, st) < 0 ? create_error(e, path) : 0;
}

static int make_folders(struct tree_list *l, struct err *e)
{
	struct stat st;

	for (size_t i = 0; i < l->n; i++) {
		if (!S_ISDIR(l->v[i].mode) && l->v[i].mode != GIT_FILEMODE_COMMIT)
			continue;
		if (make_folder(l, l->v[i].path, &st, e) < 0)
			return -1;
		note_stat(&l->v[i], &st);
	}
	return 0;
}

static int create_file(const git_index_entry *entry, bool keep, struct err *e)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	mode_t mode =
		entry->mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0777 : 0666; /* less the umask */
	int fd = open(entry->path, flags, mode);

	if (fd >= 0)
		return fd;
	if (errno != EEXIST || !keep)
		return create_error(e, entry->path);
	if (make_way(entry->path, e) < 0)
		return -1;
	fd = open(entry->path, flags, mode);
	return fd < 0 ? create_error(e, entry->path) : fd;
}

static int put_file(git_index_entry *entry, bool keep, const void *p, size_t n, struct err *e)
{
	CLEAN_FD int fd = create_file(entry, keep, e);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fd_write_all(fd, p, n, e) < 0)
		return err_wrap(e, "write \"%.400s\"", entry->path);
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "write \"%.400s\"", entry->path);
	note_stat(entry, &st);
	return 0;
}

/* Line ends and $Id$ as .gitattributes of this very commit say; nothing of the host is asked. */
static int write_filtered(
	git_repository *repo, const struct writing *w, git_index_entry *entry, struct err *e)
{
	git_blob_filter_options options = GIT_BLOB_FILTER_OPTIONS_INIT;
	git_buf out = { 0 };
	git_blob *blob = NULL;
	int rc = -1;

	options.flags =
		GIT_BLOB_FILTER_NO_SYSTEM_ATTRIBUTES | GIT_BLOB_FILTER_ATTRIBUTES_FROM_COMMIT;
	options.attr_commit_id = *w->commit;
	if (git_blob_lookup(&blob, repo, &entry->id) == 0 &&
		git_blob_filter(&out, blob, entry->path, &options) == 0)
		rc = put_file(entry, w->list->keep, out.ptr, out.size, e);
	else
		git_fail(e, entry->path);
	git_buf_dispose(&out);
	git_blob_free(blob);
	return rc;
}

static int write_plain(git_odb *odb, const struct writing *w, git_index_entry *entry, struct err *e)
{
	git_odb_object *object;

	if (git_odb_read(&object, odb, &entry->id) < 0)
		return git_fail(e, entry->path);
	int rc = put_file(
		entry, w->list->keep, git_odb_object_data(object), git_odb_object_size(object), e);
	git_odb_object_free(object);
	return rc;
}

static int write_share(
	struct writing *w, git_repository *repo, git_odb *odb, size_t from, struct err *e)
{
	for (size_t i = from; i < w->list->n && i < from + SHARE; i++) {
		git_index_entry *entry = &w->list->v[i];
		if (!S_ISREG(entry->mode))
			continue;
		if ((w->list->attributes ? write_filtered(repo, w, entry, e)
					 : write_plain(odb, w, entry, e)) < 0)
			return -1;
	}
	return 0;
}

static void keep_first(struct writing *w, const struct err *e)
{
	pthread_mutex_lock(&w->lock);
	if (!w->failed)
		w->first = *e;
	w->failed = true;
	pthread_mutex_unlock(&w->lock);
}

static void *write_shares(void *data)
{
	struct writing *w = data;
	git_repository *repo = NULL;
	git_odb *odb = NULL;
	struct err e = { 0 };
	int rc = 0;

	if (git_repository_open(&repo, ".") < 0 || git_repository_odb(&odb, repo) < 0)
		rc = git_fail(&e, "open the repository");
	while (rc == 0 && !w->failed) {
		size_t from = atomic_fetch_add(&w->next, SHARE);
		if (from >= w->list->n)
			break;
		rc = write_share(w, repo, odb, from, &e);
	}
	if (rc < 0)
		keep_first(w, &e);
	git_odb_free(odb);
	git_repository_free(repo);
	return NULL;
}

static unsigned thread_count(const struct tree_list *l)
{
	cpu_set_t set;
	int cpus = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	if (l->n < THREADED_FROM || cpus < 1)
		return 1;
	return cpus < THREADS_MAX ? (unsigned)cpus : THREADS_MAX;
}

/* The calling thread works too, so a thread that cannot be made costs only time. */
static int write_files(struct tree_list *l, const git_oid *commit, struct err *e)
{
	struct writing w = { .list = l, .commit = commit, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS_MAX];
	unsigned n = 0, want = thread_count(l) - 1;

	while (n < want && pthread_create(&threads[n], NULL, write_shares, &w) == 0)
		n++;
	write_shares(&w);
	while (n)
		pthread_join(threads[--n], NULL);
	if (!w.failed)
		return 0;
	*e = w.first;
	return -1;
}

static int make_link(git_odb *odb, bool keep, git_index_entry *entry, struct err *e)
{
	git_odb_object *object;
	struct stat st;
	int rc = 0;

	if (git_odb_read(&object, odb, &entry->id) < 0)
		return git_fail(e, entry->path);
	CLEAN_STR char *target = xmemdup0(git_odb_object_data(object), git_odb_object_size(object));
	if (strlen(target) != git_odb_object_size(object) || !*target)
		rc = err_set(e, ERR_INPUT, "tree refused: \"%.400s\": link with a malformed target",
			entry->path);
	else if (keep && make_way(entry->path, e) < 0)
		rc = -1;
	else if (symlink(target, entry->path) < 0 || lstat(entry->path, &st) < 0)
		rc = create_error(e, entry->path);
	else
		note_stat(entry, &st);
	git_odb_object_free(object);
	return rc;
}

static int make_links(git_repository *repo, struct tree_list *l, struct err *e)
{
	git_odb *odb = NULL;
	int rc = 0;

	if (git_repository_odb(&odb, repo) < 0)
		return git_fail(e, "open the object store");
	for (size_t i = 0; rc == 0 && i < l->n; i++)
		if (S_ISLNK(l->v[i].mode))
			rc = make_link(odb, l->keep, &l->v[i], e);
	git_odb_free(odb);
	return rc;
}

static int write_index(git_repository *repo, const struct tree_list *l, struct err *e)
{
	git_index *index = NULL;
	int rc = git_repository_index(&index, repo);

	for (size_t i = 0; rc == 0 && i < l->n; i++)
		if (!S_ISDIR(l->v[i].mode))
			rc = git_index_add(index, &l->v[i]);
	if (rc == 0)
		rc = git_index_write(index);
	if (rc < 0)
		git_fail(e, "write the index");
	git_index_free(index);
	return rc < 0 ? -1 : 0;
}

int tree_write(git_repository *repo, struct tree_list *l, const git_oid *commit, struct err *e)
{
	if (make_folders(l, e) < 0 || write_files(l, commit, e) < 0 || make_links(repo, l, e) < 0)
		return -1;
	return write_index(repo, l, e);
}
