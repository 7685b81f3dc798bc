/*
 * libgit2 refuses names that lead into .git or out of the tree, but takes any mode (an entry of
 * mode 104755 becomes a set-uid file), any control character, and unpacks whatever it is given.
 * Links to outside are data: nothing is ever written through them.
 */
#include <sys/stat.h>

#include "base/limits.h"
#include "checkout/tree_judge.h"

enum { PATH_BYTES_MAX = 4000 };

struct judge {
	git_odb *odb;
	uint64_t entries, files, bytes;
	struct err *e;
};

/* The ordinary six; 100664 is what old git wrote. */
static bool mode_ok(unsigned mode)
{
	return mode == 040000 || mode == 0100644 || mode == 0100664 || mode == 0100755 ||
	       mode == 0120000 || mode == 0160000;
}

static bool name_ok(const char *name)
{
	static const char *const reserved[] = { "", ".", "..", ".git", "git~1" };

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (strcasecmp(name, reserved[i]) == 0)
			return false;
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '/')
			return false;
	return true;
}

static int refuse(
	struct judge *j, enum err_class class, const char *root, const char *name, const char *why)
{
	return err_set(j->e, class, "tree refused: \"%.200s%.200s\": %s", root, name, why);
}

static int judge_size(struct judge *j, const char *root, const git_tree_entry *entry)
{
	size_t size;
	git_object_t type;

	if (git_odb_read_header(&size, &type, j->odb, git_tree_entry_id(entry)) < 0 ||
		type != GIT_OBJECT_BLOB)
		return refuse(j, ERR_PROTO, root, git_tree_entry_name(entry),
			"its content is not in the pack");
	j->files++;
	j->bytes += size;
	if (size > LIMIT_TREE_FILE)
		return refuse(j, ERR_LIMIT, root, git_tree_entry_name(entry), "file too large");
	if (j->bytes > LIMIT_TREE_BYTES)
		return refuse(j, ERR_LIMIT, root, git_tree_entry_name(entry),
			"the files are too large together");
	return 0;
}

static size_t depth_of(const char *root)
{
	size_t n = 0;

	for (; *root; root++)
		n += *root == '/';
	return n;
}

static int judge_entry(const char *root, const git_tree_entry *entry, void *data)
{
	struct judge *j = data;
	const char *name = git_tree_entry_name(entry);
	unsigned mode = git_tree_entry_filemode_raw(entry);

	if (++j->entries > LIMIT_TREE_ENTRIES)
		return refuse(j, ERR_LIMIT, root, name, "too many entries");
	if (!name_ok(name))
		return refuse(j, ERR_INPUT, root, name, "reserved name or control character");
	if (strlen(root) + strlen(name) > PATH_BYTES_MAX)
		return refuse(j, ERR_LIMIT, root, name, "path too long");
	if (!mode_ok(mode)) {
		CLEAN_STR char *why = xasprintf("mode %o is not an ordinary one", mode);
		return refuse(j, ERR_INPUT, root, name, why);
	}
	if (mode == 040000 && depth_of(root) >= LIMIT_TREE_DEPTH)
		return refuse(j, ERR_LIMIT, root, name, "nested too deeply");
	return S_ISREG(mode) || S_ISLNK(mode) ? judge_size(j, root, entry) : 0;
}

int tree_judge(git_repository *repo, const git_commit *commit, uint64_t *ret_files, struct err *e)
{
	struct judge j = { .e = e };
	git_tree *tree = NULL;
	int rc = -1;

	if (git_repository_odb(&j.odb, repo) == 0 && git_commit_tree(&tree, commit) == 0)
		rc = git_tree_walk(tree, GIT_TREEWALK_PRE, judge_entry, &j);
	if (rc < 0 && err_is(e, ERR_NONE)) {
		const git_error *g = git_error_last();
		err_set(e, ERR_PROTO, "tree refused: %s",
			g && g->message ? g->message : "unreadable");
	}
	git_tree_free(tree);
	git_odb_free(j.odb);
	*ret_files = j.files;
	return rc < 0 ? -1 : 0;
}
