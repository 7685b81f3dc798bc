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
#include "base/limits.h"
#include "checkout/convert.h"
#include "checkout/pack_blob.h"
#include "checkout/tree_attributes.h"
#include "checkout/tree_write.h"

enum { THREADS_MAX = 4, SHARE = 32, THREADED_FROM = 4 * SHARE };
#define LARGE MIB(16)     /* from here on a file is streamed, or held by one thread at a time */
#define BIG_FILE MIB(512) /* core.bigFileThreshold: git takes what is larger for binary */

struct writing {
	struct tree_list *list;
	const struct attributes *attributes; /* NULL: there are none */
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock;  /* over first */
	pthread_mutex_t large; /* held by who has a large file in memory */
	struct err first;      /* the first failure of any thread */
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
	return err_set_errno(e, errno, "clean: false: \"%.400s\" already exists", path);
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
	struct stat st = { 0 };

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

/* What .gitattributes of this very commit ask for; nothing of the host is asked. */
static int conversion_for(const struct writing *w, const git_index_entry *entry,
	struct conversion *ret, struct err *e)
{
	const char *attributes[ATTRIBUTES];

	*ret = (struct conversion){ 0 };
	if (!w->attributes || entry->file_size > BIG_FILE)
		return 0;
	attributes_of(w->attributes, entry->path, attributes);
	return conversion_of(attributes, ret, e) < 0 ? err_wrap(e, "\"%.400s\"", entry->path) : 0;
}

static void note_unencoded(struct writing *w, const git_index_entry *entry)
{
	pthread_mutex_lock(&w->lock);
	if (!w->list->unencoded)
		w->list->unencoded = xstrdup(entry->path);
	pthread_mutex_unlock(&w->lock);
}

static int write_object(git_odb *odb, struct writing *w, git_index_entry *entry,
	const struct conversion *c, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_TREE_FILE);
	char id[GIT_OID_HEXSZ + 1];
	git_odb_object *object;
	bool unencoded = false;

	if (git_odb_read(&object, odb, &entry->id) < 0)
		return git_fail(e, entry->path);
	struct slice content = { git_odb_object_data(object), git_odb_object_size(object) };
	int rc = convert_content(
		c, git_oid_tostr(id, sizeof(id), &entry->id), content, &out, &unencoded, e);
	if (unencoded)
		note_unencoded(w, entry);
	if (rc > 0)
		content = buf_slice(&out);
	if (rc >= 0)
		rc = put_file(entry, w->list->keep, content.ptr, content.len, e);
	git_odb_object_free(object);
	return rc;
}

/* ---- large files ---- */

static int stream_file(
	const struct pack_blob *blob, bool keep, git_index_entry *entry, struct err *e)
{
	CLEAN_FD int fd = create_file(entry, keep, e);
	struct stat st;

	if (fd < 0)
		return -1;
	if (pack_blob_write(blob, fd, e) < 0)
		return err_wrap(e, "write \"%.400s\"", entry->path);
	if (fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "write \"%.400s\"", entry->path);
	note_stat(entry, &st);
	return 0;
}

/* A delta, or a file to be converted, has to be held; then by one thread at a time. */
static int write_large(struct writing *w, git_odb *odb, git_index_entry *entry,
	const struct conversion *c, struct err *e)
{
	CLEANUP(pack_blob_close) struct pack_blob blob = { .fd = -1 };
	int found = 0;

	if (!conversion_needed(c))
		found = pack_blob_find(".git/objects/pack", &entry->id, &blob, e);
	if (found < 0)
		return -1;
	if (found > 0)
		return stream_file(&blob, w->list->keep, entry, e);
	pthread_mutex_lock(&w->large);
	int rc = write_object(odb, w, entry, c, e);
	pthread_mutex_unlock(&w->large);
	return rc;
}

static int write_file(struct writing *w, git_odb *odb, git_index_entry *entry, struct err *e)
{
	struct conversion c;

	if (conversion_for(w, entry, &c, e) < 0)
		return -1;
	return entry->file_size > LARGE ? write_large(w, odb, entry, &c, e)
					: write_object(odb, w, entry, &c, e);
}

static int write_share(struct writing *w, git_odb *odb, size_t from, struct err *e)
{
	for (size_t i = from; i < w->list->n && i < from + SHARE; i++) {
		git_index_entry *entry = &w->list->v[i];

		if (!S_ISREG(entry->mode))
			continue;
		if (write_file(w, odb, entry, e) < 0)
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
		rc = write_share(w, odb, from, &e);
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
static int write_files(struct tree_list *l, const struct attributes *attributes, struct err *e)
{
	struct writing w = { .list = l,
		.attributes = attributes,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.large = PTHREAD_MUTEX_INITIALIZER };

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

int tree_write(git_repository *repo, struct tree_list *l, struct err *e)
{
	CLEANUP(attributes_freep) struct attributes *attributes = NULL;

	if (l->attributes && !(attributes = tree_attributes(repo, l, e)))
		return -1;
	if (make_folders(l, e) < 0 || write_files(l, attributes, e) < 0 ||
		make_links(repo, l, e) < 0)
		return -1;
	return write_index(repo, l, e);
}
