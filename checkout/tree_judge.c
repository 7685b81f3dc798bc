/*
 * Refused before anything is written: modes other than the ordinary six (an entry of mode 104755
 * would become a set-uid file), names that are .git somewhere, and trees larger than the caps (a
 * hundred bytes of pack can name 10^8 files). Links to outside are data: nothing is ever written
 * through them (tree_write.c). Control characters in a name are git's to allow: they are written as
 * they are, and every message shows them escaped.
 */
#include <git2/sys/path.h>
#include <limits.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/limits.h"
#include "checkout/tree_judge.h"

enum {
	PATH_BYTES_MAX = PATH_MAX - 1,
	TARGET_MAX = 4095,
	MODE_FOLDER = 040000,
	MODE_LINK = 0120000,
	MODE_MODULE = 0160000
};

struct judge {
	git_odb *odb;
	struct tree_list *list;
	uint64_t bytes, path_bytes;
	struct err *e;
};

int git_fail(struct err *e, const char *what)
{
	const git_error *g = git_error_last();
	int klass = g ? g->klass : GIT_ERROR_NONE;
	enum err_class class = klass == GIT_ERROR_OS         ? ERR_IO
			       : klass == GIT_ERROR_NOMEMORY ? ERR_LIMIT
							     : ERR_PROTO;

	return err_set(e, class, "%s: %s", what, g && g->message ? g->message : "no reason given");
}

void tree_list_release(struct tree_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free((char *)l->v[i].path);
	free(l->v);
	free(l->unencoded);
	*l = (struct tree_list){ 0 };
}

static void list_add(struct tree_list *l, char *path, unsigned mode, const git_oid *id)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 256;
		l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
	}
	/* 100664 is what old git wrote; it means 100644 */
	l->v[l->n++] = (git_index_entry){
		.path = path, .id = *id, .mode = mode == 0100664 ? 0100644 : mode
	};
}

static bool mode_ok(unsigned mode)
{
	return mode == MODE_FOLDER || mode == 0100644 || mode == 0100664 || mode == 0100755 ||
	       mode == MODE_LINK || mode == MODE_MODULE;
}

/* Code points that HFS+ ignores in names: U+200C..F, U+202A..E, U+206A..F, U+FEFF. */
static bool is_ignorable(const unsigned char *p)
{
	if (p[0] == 0xe2 && p[1] == 0x80)
		return (p[2] >= 0x8c && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae);
	if (p[0] == 0xe2 && p[1] == 0x81)
		return p[2] >= 0xaa && p[2] <= 0xaf;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf;
}

bool name_is_dot_git(const char *name)
{
	char plain[8];
	size_t n = 0;

	for (const char *p = name; *p && *p != ':';) {
		if (is_ignorable((const unsigned char *)p)) {
			p += 3;
			continue;
		}
		/* longer than any spelling, unless only NTFS's trailing dots and blanks follow */
		if (n >= 5 && *p != '.' && *p != ' ')
			return false;
		if (n < 5)
			plain[n++] = *p;
		p++;
	}
	while (n && (plain[n - 1] == '.' || plain[n - 1] == ' '))
		n--;
	plain[n] = 0;
	return strcasecmp(plain, ".git") == 0 || strcasecmp(plain, "git~1") == 0;
}

static bool name_ok(const char *name)
{
	if (!*name || str_eq(name, ".") || str_eq(name, "..") || name_is_dot_git(name))
		return false;
	return !strchr(name, '/');
}

static int refuse_entry(struct judge *j, enum err_class class, const char *path, const char *why)
{
	CLEAN_STR char *shown = text_escaped(path);

	return err_set(j->e, class, "tree refused: \"%.400s\": %s", shown, why);
}

/* What libgit2 reads as rules is held whole, whatever its size. */
static bool holds_rules(const char *name)
{
	return strcasecmp(name, ".gitattributes") == 0 || strcasecmp(name, ".gitmodules") == 0;
}

static int judge_content(
	struct judge *j, const char *path, const char *name, unsigned mode, const git_oid *id)
{
	size_t size;
	git_object_t type;

	if (git_odb_read_header(&size, &type, j->odb, id) < 0 || type != GIT_OBJECT_BLOB)
		return refuse_entry(j, ERR_PROTO, path, "its content is not in the pack");
	j->list->files++;
	j->bytes += size;
	j->list->v[j->list->n - 1].file_size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
	if (mode == MODE_LINK && size > TARGET_MAX)
		return refuse_entry(j, ERR_INPUT, path, "link with a malformed target");
	if (holds_rules(name) && size > LIMIT_TREE_RULES)
		return refuse_entry(j, ERR_LIMIT, path, "file of rules too large");
	if (size > LIMIT_TREE_FILE)
		return refuse_entry(j, ERR_LIMIT, path, "file too large");
	if (j->bytes > LIMIT_TREE_BYTES)
		return refuse_entry(j, ERR_LIMIT, path, "the files are too large together");
	return 0;
}

static int judge_kind(
	struct judge *j, const char *path, const char *name, unsigned mode, const git_oid *id)
{
	if (!mode_ok(mode)) {
		CLEAN_STR char *why = xasprintf("mode %o is not an ordinary one", mode);

		return refuse_entry(j, ERR_INPUT, path, why);
	}
	if (mode == MODE_FOLDER || mode == MODE_MODULE)
		return 0;
	if (mode == MODE_LINK && git_path_is_gitfile(name, strlen(name),
					 GIT_PATH_GITFILE_GITMODULES, GIT_PATH_FS_GENERIC) == 1)
		return refuse_entry(j, ERR_INPUT, path, "a link in place of .gitmodules");
	return judge_content(j, path, name, mode, id);
}

static int judge_entry(const char *root, const git_tree_entry *entry, void *data)
{
	struct judge *j = data;
	const char *name = git_tree_entry_name(entry);
	unsigned mode = git_tree_entry_filemode_raw(entry);

	if (j->list->n >= LIMIT_TREE_ENTRIES)
		return refuse_entry(j, ERR_LIMIT, root, "too many entries");
	if (strlen(root) + strlen(name) > PATH_BYTES_MAX)
		return refuse_entry(j, ERR_LIMIT, root, "path too long");
	j->path_bytes += strlen(root) + strlen(name);
	if (j->path_bytes > LIMIT_TREE_PATHS)
		return refuse_entry(j, ERR_LIMIT, root, "the paths are too long together");
	char *path = xasprintf("%s%s", root, name);
	list_add(j->list, path, mode, git_tree_entry_id(entry)); /* owns the path from here */
	if (!name_ok(name))
		return refuse_entry(j, ERR_INPUT, path, "reserved name");
	if (strcasecmp(name, ".gitattributes") == 0)
		j->list->attributes = true;
	return judge_kind(j, path, name, mode, git_tree_entry_id(entry));
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A hostile tree need not be sorted, so equal names need not be neighbours. */
static int judge_twice(struct judge *j)
{
	size_t n = j->list->n;
	const char **paths = xcalloc(n ? n : 1, sizeof(*paths));
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		paths[i] = j->list->v[i].path;
	qsort(paths, n, sizeof(*paths), by_path);
	for (size_t i = 1; rc == 0 && i < n; i++)
		if (str_eq(paths[i - 1], paths[i]))
			rc = refuse_entry(j, ERR_INPUT, paths[i], "it is in the tree twice");
	free(paths);
	return rc;
}

int tree_judge(git_repository *repo, const git_commit *commit, struct tree_list *ret, struct err *e)
{
	struct judge j = { .e = e, .list = ret };
	git_tree *tree = NULL;
	int rc = -1;

	if (git_repository_odb(&j.odb, repo) == 0 && git_commit_tree(&tree, commit) == 0)
		rc = git_tree_walk(tree, GIT_TREEWALK_PRE, judge_entry, &j);
	if (rc == 0)
		rc = judge_twice(&j);
	if (rc < 0 && err_is(e, ERR_NONE))
		git_fail(e, "tree refused");
	git_tree_free(tree);
	git_odb_free(j.odb);
	return rc < 0 ? -1 : 0;
}
