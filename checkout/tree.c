/*
 * The order of a checkout: the pack is indexed, the tree checked, then written, then refs and
 * HEAD. libgit2 is tuned for a repository that nobody shares: no fsync, no second verification of
 * ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "checkout/tree.h"
#include "checkout/tree_judge.h"
#include "checkout/tree_keep.h"
#include "checkout/tree_modules.h"
#include "checkout/tree_write.h"

struct tree {
	const struct checkout_request *r;
	git_repository *repo;
	git_indexer *indexer;
	git_indexer_progress progress;
	uint64_t bytes; /* the library counts them only for its own transports */
	int64_t index_us;
	struct submodule_list submodules;
	char *unencoded;
};

/* Measured: strict verification and fsync cost a third of the time and buy nothing here, ids are
 * computed while indexing and a crashed checkout is thrown away whole. */
static int tune(struct err *e)
{
	/* its defaults (windows of 1 GiB, 8 GiB mapped, 256 MiB of objects kept) are more than
	 * this process has */
	const size_t window = MIB(32), mapped = MIB(256);
	const ssize_t kept = MIB(64);

	int bad = git_libgit2_init() < 0;

	bad |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
	bad |= git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 0);
	bad |= git_libgit2_opts(GIT_OPT_DISABLE_PACK_KEEP_FILE_CHECKS, 1);
	bad |= git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	bad |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, window);
	bad |= git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT, mapped);
	bad |= git_libgit2_opts(GIT_OPT_SET_CACHE_MAX_SIZE, kept);
	bad |= git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)LIMIT_PACK_OBJECTS);
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		bad |= git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	bad |= git_libgit2_opts(GIT_OPT_SET_TEMPLATE_PATH, "");
	return bad ? git_fail(e, "set up the git library") : 0;
}

static int init_repository(struct tree *t, struct err *e)
{
	git_repository_init_options options = GIT_REPOSITORY_INIT_OPTIONS_INIT;
	git_remote *origin = NULL;

	options.flags = GIT_REPOSITORY_INIT_NO_REINIT | GIT_REPOSITORY_INIT_MKDIR;
	options.initial_head = "main"; /* replaced by set_head */
	if (git_repository_init_ext(&t->repo, ".", &options) < 0)
		return git_fail(e, "create the repository");
	if (git_remote_create(&origin, t->repo, "origin", t->r->url) < 0)
		return git_fail(e, "set the remote");
	git_remote_free(origin);
	return 0;
}

static int init_indexer(struct tree *t, struct err *e)
{
	git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
	git_odb *odb = NULL;
	CLEAN_STR char *dir = xasprintf("%sobjects/pack", git_repository_path(t->repo));

	options.verify = 0; /* it would miss the parents that a shallow pack leaves out */
	if (git_repository_odb(&odb, t->repo) < 0)
		return git_fail(e, "open the object store");
	int rc = git_indexer_new(&t->indexer, dir, 0444, odb, &options);
	git_odb_free(odb);
	return rc < 0 ? git_fail(e, "prepare the pack index") : 0;
}

struct tree *tree_open(const struct checkout_request *r, struct err *e)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	t->r = r;
	if (tune(e) < 0 || (r->keep && tree_forget(e) < 0) || init_repository(t, e) < 0 ||
		init_indexer(t, e) < 0) {
		tree_free(t);
		return NULL;
	}
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	git_indexer_free(t->indexer);
	git_repository_free(t->repo);
	submodule_list_release(&t->submodules);
	free(t->unencoded);
	free(t);
}

int tree_append(struct tree *t, const void *p, size_t n, struct err *e)
{
	struct mono start = mono_now();
	int rc = git_indexer_append(t->indexer, p, n, &t->progress);

	t->index_us += mono_diff(mono_now(), start);
	t->bytes += n;
	return rc < 0 ? git_fail(e, "bad pack") : 0;
}

int tree_index(struct tree *t, struct checkout_result *ret, struct err *e)
{
	struct mono start = mono_now();

	if (git_indexer_commit(t->indexer, &t->progress) < 0)
		return git_fail(e, "bad pack");
	ret->index_us = t->index_us + mono_diff(mono_now(), start);
	git_indexer_free(t->indexer); /* a list of all objects, which nobody needs any more */
	t->indexer = NULL;
	ret->objects = t->progress.total_objects;
	ret->pack_bytes = t->bytes;
	return 0;
}

/* git and libgit2 both read the boundary of the history from this file. */
static int write_shallow(struct tree *t, const struct strv *ids, struct err *e)
{
	CLEAN_STR char *path = xasprintf("%sshallow", git_repository_path(t->repo));
	CLEAN_BUF struct buf text = BUF_INIT((size_t)ANSWER_SHALLOW_MAX * 42);

	if (ids->n == 0)
		return 0;
	strv_each (id, ids)
		buf_addf(&text, "%s\n", id);
	CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set_errno(e, errno, "write .git/shallow");
	return fd_write_all(fd, text.data, text.len, e);
}

static int refresh(struct tree *t, struct err *e)
{
	git_odb *odb = NULL;
	int rc = git_repository_odb(&odb, t->repo);

	if (rc == 0)
		rc = git_odb_refresh(odb);
	git_odb_free(odb);
	return rc < 0 ? git_fail(e, "read the object store") : 0;
}

/* An id must be a commit's own; what a ref names may be a tag of one. */
static int lookup_commit(struct tree *t, const struct end_message *m, git_commit **ret,
	git_oid *ret_id, struct err *e)
{
	const char *sha = t->r->sha ? t->r->sha : m->target;
	git_object *any = NULL, *peeled = NULL;

	if (!sha)
		return err_set(e, ERR_INTERNAL, "no object id is known for \"%s\"", t->r->ref);
	if (git_oid_fromstr(ret_id, sha) < 0)
		return git_fail(e, "commit id");
	if (git_commit_lookup(ret, t->repo, ret_id) == 0)
		return 0;
	if (git_object_lookup(&any, t->repo, ret_id, GIT_OBJECT_ANY) < 0)
		return err_set(e, ERR_NOT_FOUND, "commit %s is not in what the server sent", sha);
	if (!t->r->sha && git_object_peel(&peeled, any, GIT_OBJECT_COMMIT) == 0) {
		git_object_free(any);
		*ret = (git_commit *)peeled;
		*ret_id = *git_commit_id(*ret);
		return 0;
	}
	err_set(e, ERR_INPUT, "%s is a %s, expected a commit", t->r->sha ? sha : t->r->ref,
		git_object_type2string(git_object_type(any)));
	git_object_free(any);
	return -1;
}

/* refs/heads/x is the remote's branch here; tags keep their name, the rest goes below remotes. */
static char *local_ref(const char *ref)
{
	if (str_starts(ref, "refs/heads/"))
		return xasprintf("refs/remotes/origin/%s", ref + strlen("refs/heads/"));
	if (str_starts(ref, "refs/tags/"))
		return xstrdup(ref);
	return xasprintf("refs/remotes/%s", ref + strlen("refs/"));
}

static int write_ref(struct tree *t, const char *ref, const git_oid *id, struct err *e)
{
	CLEAN_STR char *name = local_ref(ref);
	git_reference *made = NULL;

	if (git_reference_create(&made, t->repo, name, id, 1, "checkout") < 0)
		return git_fail(e, name);
	git_reference_free(made);
	return 0;
}

/* A tag keeps its own object, unless it was moved to another commit meanwhile. */
static bool is_tag_of(struct tree *t, const char *target, const git_oid *head, git_oid *ret)
{
	git_object *any = NULL, *peeled = NULL;
	bool same = target && git_oid_fromstr(ret, target) == 0 &&
		    git_object_lookup(&any, t->repo, ret, GIT_OBJECT_ANY) == 0 &&
		    git_object_peel(&peeled, any, GIT_OBJECT_COMMIT) == 0 &&
		    git_oid_equal(git_object_id(peeled), head);

	git_object_free(peeled);
	git_object_free(any);
	return same;
}

/* The ref that was asked for, by its full name; NULL: only an id. */
static const char *own_ref(const struct tree *t, const struct end_message *m)
{
	return t->r->sha ? t->r->ref : m->ref;
}

static int write_refs(
	struct tree *t, const struct end_message *m, const git_oid *head, struct err *e)
{
	const struct ref_list *refs = &m->refs;
	const char *own = own_ref(t, m);
	git_oid id;

	for (size_t i = 0; i < refs->names.n; i++) {
		if (!str_starts(refs->names.v[i], "refs/"))
			return err_set(
				e, ERR_PROTO, "ref \"%.100s\": expected refs/…", refs->names.v[i]);
		if (git_oid_fromstr(&id, refs->oids.v[i]) < 0)
			return git_fail(e, refs->names.v[i]);
		if (write_ref(t, refs->names.v[i], &id, e) < 0)
			return -1;
	}
	/* of a full history the server named the branch itself, perhaps further on by now */
	if (!own || ref_list_find(refs, own))
		return 0;
	return write_ref(t, own, is_tag_of(t, m->target, head, &id) ? &id : head, e);
}

/* Where the branch came from, for `git status` and @{upstream}. The library writes a name with a
 * quote in a way that git does not read. */
static int follow_origin(struct tree *t, const char *ref, struct err *e)
{
	const char *name = ref + strlen("refs/heads/");
	CLEAN_STR char *remote = xasprintf("branch.%s.remote", name);
	CLEAN_STR char *merge = xasprintf("branch.%s.merge", name);
	git_config *config = NULL;

	if (strchr(name, '"'))
		return 0;
	if (git_repository_config(&config, t->repo) < 0)
		return git_fail(e, "open the configuration");
	int rc = git_config_set_string(config, remote, "origin");
	if (rc == 0)
		rc = git_config_set_string(config, merge, ref);
	git_config_free(config);
	return rc < 0 ? git_fail(e, "set the branch's upstream") : 0;
}

static int switch_to(struct tree *t, const char *ref, const git_oid *id, struct err *e)
{
	git_reference *made = NULL;

	if (git_reference_create(&made, t->repo, ref, id, 1, "checkout") < 0)
		return git_fail(e, ref);
	git_reference_free(made);
	if (git_repository_set_head(t->repo, ref) < 0)
		return git_fail(e, "set HEAD");
	return follow_origin(t, ref, e);
}

/* On the branch that was asked for, else detached, as git switch would leave it. */
static int set_head(struct tree *t, const char *ref, const git_oid *id, struct err *e)
{
	bool branch = ref && str_starts(ref, "refs/heads/");
	git_oid now;

	if (branch && switch_to(t, ref, id, e) < 0)
		return -1;
	if (!branch && git_repository_set_head_detached(t->repo, id) < 0)
		return git_fail(e, "set HEAD");
	if (git_reference_name_to_id(&now, t->repo, "HEAD") < 0 || !git_oid_equal(&now, id) ||
		git_repository_head_detached(t->repo) != !branch)
		return err_set(e, ERR_INTERNAL, "HEAD is not where it should be");
	return 0;
}

static int finish(struct tree *t, const struct end_message *m, git_commit *commit,
	const git_oid *id, struct tree_list *l, struct err *e)
{
	if (tree_judge(t->repo, commit, l, e) < 0 || tree_write(t->repo, l, e) < 0 ||
		write_refs(t, m, id, e) < 0 || set_head(t, own_ref(t, m), id, e) < 0)
		return -1;
	return t->r->submodules ? tree_modules(t->repo, l, t->r->url, &t->submodules, e) : 0;
}

int tree_finish(
	struct tree *t, const struct end_message *m, struct checkout_result *ret, struct err *e)
{
	struct mono start = mono_now();
	CLEANUP(tree_list_release) struct tree_list list = { .keep = t->r->keep };
	git_commit *commit = NULL;
	git_oid id;

	if (write_shallow(t, &m->shallow, e) < 0 || refresh(t, e) < 0 ||
		lookup_commit(t, m, &commit, &id, e) < 0)
		return -1;
	int rc = finish(t, m, commit, &id, &list, e);
	git_commit_free(commit);
	git_oid_tostr(ret->sha, sizeof(ret->sha), &id);
	t->unencoded = TAKE(list.unencoded);
	ret->files = list.files;
	ret->write_us = mono_diff(mono_now(), start);
	return rc;
}

const char *tree_unencoded(const struct tree *t)
{
	return t->unencoded;
}

const struct submodule_list *tree_submodules(const struct tree *t)
{
	return &t->submodules;
}
