/*
 * The calls of libgit2 that these programs make. Each prototype is checked against the library's
 * own header.
 */
#include "base/late/late.h"

#include <git2.h>
#include <git2/sys/path.h>
#include <stdarg.h>

LATE_NOTE(LATE_GIT2, "git");
struct late_library late_git2 = { LATE_GIT2, "libgit2", NULL };
#define LATE_LIBRARY late_git2
#define GIT2_CALL LATE_CALL

/* It takes each * for a product. */
/* clang-format off */
GIT2_CALL(void, git_blob_free, (git_blob *b), (b))
GIT2_CALL(int, git_blob_lookup, (git_blob **b, git_repository *r, const git_oid *id), (b, r, id))
GIT2_CALL(const void *, git_blob_rawcontent, (const git_blob *b), (b))
GIT2_CALL(git_object_size_t, git_blob_rawsize, (const git_blob *b), (b))
GIT2_CALL(const git_signature *, git_commit_author, (const git_commit *c), (c))
GIT2_CALL(const git_signature *, git_commit_committer, (const git_commit *c), (c))
GIT2_CALL(void, git_commit_free, (git_commit *c), (c))
GIT2_CALL(const git_oid *, git_commit_id, (const git_commit *c), (c))
GIT2_CALL(int, git_commit_lookup, (git_commit **c, git_repository *r, const git_oid *id),
	(c, r, id))
GIT2_CALL(const char *, git_commit_message, (const git_commit *c), (c))
GIT2_CALL(const git_oid *, git_commit_parent_id, (const git_commit *c, unsigned int n), (c, n))
GIT2_CALL(unsigned int, git_commit_parentcount, (const git_commit *c), (c))
GIT2_CALL(int, git_commit_tree, (git_tree **out, const git_commit *c), (out, c))
GIT2_CALL(const git_oid *, git_commit_tree_id, (const git_commit *c), (c))
GIT2_CALL(void, git_config_free, (git_config *cfg), (cfg))
GIT2_CALL(int, git_config_set_string, (git_config *cfg, const char *name, const char *value),
	(cfg, name, value))
GIT2_CALL(void, git_diff_free, (git_diff *d), (d))
GIT2_CALL(int, git_diff_tree_to_tree,
	(git_diff **d, git_repository *r, git_tree *a, git_tree *b, const git_diff_options *opts),
	(d, r, a, b, opts))
GIT2_CALL(const git_error *, git_error_last, (void), ())
GIT2_CALL(int, git_graph_descendant_of, (git_repository *r, const git_oid *c, const git_oid *a),
	(r, c, a))
GIT2_CALL(int, git_index_add, (git_index *i, const git_index_entry *t), (i, t))
GIT2_CALL(size_t, git_index_entrycount, (const git_index *i), (i))
GIT2_CALL(void, git_index_free, (git_index *i), (i))
GIT2_CALL(const git_index_entry *, git_index_get_byindex, (git_index *i, size_t n), (i, n))
GIT2_CALL(int, git_index_open, (git_index **out, const char *index_path), (out, index_path))
GIT2_CALL(int, git_index_write, (git_index *i), (i))
GIT2_CALL(int, git_indexer_append,
	(git_indexer *x, const void *data, size_t size, git_indexer_progress *p),
	(x, data, size, p))
GIT2_CALL(int, git_indexer_commit, (git_indexer *x, git_indexer_progress *p), (x, p))
GIT2_CALL(void, git_indexer_free, (git_indexer *x), (x))
GIT2_CALL(int, git_indexer_new,
	(git_indexer **out, const char *path, unsigned int mode, git_odb *odb,
		git_indexer_options *opts),
	(out, path, mode, odb, opts))
GIT2_CALL(int, git_libgit2_init, (void), ())
GIT2_CALL(int, git_libgit2_shutdown, (void), ())
GIT2_CALL(int, git_libgit2_version, (int *major, int *minor, int *rev), (major, minor, rev))
GIT2_CALL(int, git_merge_base,
	(git_oid *out, git_repository *r, const git_oid *one, const git_oid *two),
	(out, r, one, two))
GIT2_CALL(void, git_object_free, (git_object *o), (o))
GIT2_CALL(const git_oid *, git_object_id, (const git_object *obj), (obj))
GIT2_CALL(int, git_object_lookup,
	(git_object **o, git_repository *r, const git_oid *id, git_object_t type),
	(o, r, id, type))
GIT2_CALL(int, git_object_peel, (git_object **peeled, const git_object *o, git_object_t type),
	(peeled, o, type))
GIT2_CALL(git_object_t, git_object_type, (const git_object *obj), (obj))
GIT2_CALL(const char *, git_object_type2string, (git_object_t type), (type))
GIT2_CALL(void, git_odb_free, (git_odb *db), (db))
GIT2_CALL(const void *, git_odb_object_data, (git_odb_object *o), (o))
GIT2_CALL(void, git_odb_object_free, (git_odb_object *o), (o))
GIT2_CALL(size_t, git_odb_object_size, (git_odb_object *o), (o))
GIT2_CALL(int, git_odb_read, (git_odb_object **out, git_odb *db, const git_oid *id),
	(out, db, id))
GIT2_CALL(int, git_odb_read_header,
	(size_t *len_out, git_object_t *type_out, git_odb *db, const git_oid *id),
	(len_out, type_out, db, id))
GIT2_CALL(int, git_odb_refresh, (struct git_odb *db), (db))
GIT2_CALL(int, git_oid_equal, (const git_oid *a, const git_oid *b), (a, b))
GIT2_CALL(int, git_oid_fromstr, (git_oid *out, const char *str), (out, str))
GIT2_CALL(char *, git_oid_tostr, (char *out, size_t n, const git_oid *id), (out, n, id))
GIT2_CALL(int, git_path_is_gitfile,
	(const char *path, size_t n, git_path_gitfile file, git_path_fs fs), (path, n, file, fs))
GIT2_CALL(int, git_reference_create,
	(git_reference **out, git_repository *r, const char *name, const git_oid *id, int force,
		const char *log),
	(out, r, name, id, force, log))
GIT2_CALL(void, git_reference_free, (git_reference *ref), (ref))
GIT2_CALL(void, git_reference_iterator_free, (git_reference_iterator *iter), (iter))
GIT2_CALL(int, git_reference_iterator_glob_new,
	(git_reference_iterator **out, git_repository *r, const char *glob), (out, r, glob))
GIT2_CALL(int, git_reference_name_is_valid, (int *valid, const char *refname), (valid, refname))
GIT2_CALL(int, git_reference_name_to_id, (git_oid *out, git_repository *r, const char *name),
	(out, r, name))
GIT2_CALL(int, git_reference_next_name, (const char **out, git_reference_iterator *iter),
	(out, iter))
GIT2_CALL(int, git_remote_create,
	(git_remote **out, git_repository *r, const char *name, const char *url),
	(out, r, name, url))
GIT2_CALL(void, git_remote_free, (git_remote *r), (r))
GIT2_CALL(int, git_repository_config, (git_config **out, git_repository *r), (out, r))
GIT2_CALL(void, git_repository_free, (git_repository *r), (r))
GIT2_CALL(int, git_repository_head_detached, (git_repository *r), (r))
GIT2_CALL(int, git_repository_index, (git_index **out, git_repository *r), (out, r))
GIT2_CALL(int, git_repository_init_ext,
	(git_repository **out, const char *repo_path, git_repository_init_options *opts),
	(out, repo_path, opts))
GIT2_CALL(int, git_repository_odb, (git_odb **out, git_repository *r), (out, r))
GIT2_CALL(int, git_repository_open, (git_repository **out, const char *path), (out, path))
GIT2_CALL(int, git_repository_open_ext,
	(git_repository **out, const char *path, unsigned int f, const char *dirs),
	(out, path, f, dirs))
GIT2_CALL(const char *, git_repository_path, (const git_repository *r), (r))
GIT2_CALL(int, git_repository_set_head, (git_repository *r, const char *refname), (r, refname))
GIT2_CALL(int, git_repository_set_head_detached, (git_repository *r, const git_oid *id), (r, id))
GIT2_CALL(void, git_revwalk_free, (git_revwalk *w), (w))
GIT2_CALL(int, git_revwalk_hide, (git_revwalk *w, const git_oid *id), (w, id))
GIT2_CALL(int, git_revwalk_hide_ref, (git_revwalk *w, const char *refname), (w, refname))
GIT2_CALL(int, git_revwalk_new, (git_revwalk **out, git_repository *r), (out, r))
GIT2_CALL(int, git_revwalk_next, (git_oid *out, git_revwalk *w), (out, w))
GIT2_CALL(int, git_revwalk_push, (git_revwalk *w, const git_oid *id), (w, id))
GIT2_CALL(int, git_revwalk_sorting, (git_revwalk *w, unsigned int mode), (w, mode))
GIT2_CALL(const git_tree_entry *, git_tree_entry_byindex, (const git_tree *t, size_t x), (t, x))
GIT2_CALL(int, git_tree_entry_bypath,
	(git_tree_entry **out, const git_tree *root, const char *path), (out, root, path))
GIT2_CALL(git_filemode_t, git_tree_entry_filemode, (const git_tree_entry *t), (t))
GIT2_CALL(git_filemode_t, git_tree_entry_filemode_raw, (const git_tree_entry *t), (t))
GIT2_CALL(void, git_tree_entry_free, (git_tree_entry *t), (t))
GIT2_CALL(const git_oid *, git_tree_entry_id, (const git_tree_entry *t), (t))
GIT2_CALL(const char *, git_tree_entry_name, (const git_tree_entry *t), (t))
GIT2_CALL(git_object_t, git_tree_entry_type, (const git_tree_entry *t), (t))
GIT2_CALL(size_t, git_tree_entrycount, (const git_tree *t), (t))
GIT2_CALL(void, git_tree_free, (git_tree *t), (t))
GIT2_CALL(int, git_tree_lookup, (git_tree **out, git_repository *r, const git_oid *id),
	(out, r, id))
GIT2_CALL(int, git_tree_walk,
	(const git_tree *t, git_treewalk_mode mode, git_treewalk_cb fn, void *data),
	(t, mode, fn, data))
/* clang-format on */

/* Each option has arguments of its own; one that is not listed here is not used yet. */
int git_libgit2_opts(int option, ...)
{
	__typeof__(&git_libgit2_opts) fn = LATE_FUNCTION(git_libgit2_opts);
	va_list last;
	int rc;

	va_start(last, option);
	switch (option) {
	case GIT_OPT_SET_SEARCH_PATH: {
		int level = va_arg(last, int);

		rc = fn(option, level, va_arg(last, const char *));
		break;
	}
	case GIT_OPT_SET_TEMPLATE_PATH:
		rc = fn(option, va_arg(last, const char *));
		break;
	case GIT_OPT_SET_MWINDOW_SIZE:
	case GIT_OPT_SET_MWINDOW_MAPPED_LIMIT:
	case GIT_OPT_SET_CACHE_MAX_SIZE:
	case GIT_OPT_SET_PACK_MAX_OBJECTS:
		rc = fn(option, va_arg(last, size_t));
		break;
	case GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION:
	case GIT_OPT_ENABLE_STRICT_OBJECT_CREATION:
	case GIT_OPT_ENABLE_FSYNC_GITDIR:
	case GIT_OPT_DISABLE_PACK_KEEP_FILE_CHECKS:
	case GIT_OPT_SET_OWNER_VALIDATION:
		rc = fn(option, va_arg(last, int));
		break;
	default:
		BUG("libgit2: option %d", option);
	}
	va_end(last);
	return rc;
}
