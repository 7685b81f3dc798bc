/*
 * Reading out of a bare repository: refs, commits, workflow files, what a push changed. Everything
 * here was written by whoever may push: sizes and counts are bounded, and a name is checked before
 * it is stored or printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "coordinator/repo/git_error.h"
#include "coordinator/repo/private.h"

#define MESSAGE_MAX KIB(16)
enum { REF_MAX = 250 };

static void free_object(git_object **o)
{
	git_object_free(*o);
}
static void free_tree(git_tree **t)
{
	git_tree_free(*t);
}
static void free_entry(git_tree_entry **t)
{
	git_tree_entry_free(*t);
}
static void free_diff(git_diff **d)
{
	git_diff_free(*d);
}
static void free_odb(git_odb **o)
{
	git_odb_free(*o);
}
static void free_blob(git_blob **b)
{
	git_blob_free(*b);
}

/* What is wrong is the disk's or its rights', and the words of libgit2 name its paths. */
static int failed_to_read(const struct err *why, struct err *e)
{
	log_error("repo", "unreadable", F_ERR(why));
	return err_set(e, ERR_INTERNAL,
		"the repository cannot be read; the log of the coordinator says why");
}

struct repo *repo_open(const char *path, struct err *e)
{
	git_repository *git = NULL;
	int rc = git_repository_open_ext(&git, path,
		GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE |
			GIT_REPOSITORY_OPEN_NO_DOTGIT,
		NULL);

	if (rc < 0) {
		struct err why = { 0 };

		git_failed(&why, rc, path);
		failed_to_read(&why, e);
		return NULL;
	}
	struct repo *r = xcalloc(1, sizeof(*r));
	r->git = git;
	return r;
}

void repo_free(struct repo *r)
{
	if (!r)
		return;
	git_repository_free(r->git);
	free(r);
}

int repo_ref(struct repo *r, const char *ref, char ret[OID_TEXT_MAX], struct err *e)
{
	git_oid oid;
	int rc = git_reference_name_to_id(&oid, r->git, ref);

	if (rc < 0)
		return git_failed(e, rc, ref);
	git_oid_tostr(ret, OID_TEXT_MAX, &oid);
	return 0;
}

/* One that a push may have made. */
static bool is_ref_name(const char *ref)
{
	int valid = 0;

	return (str_starts(ref, "refs/heads/") || str_starts(ref, "refs/tags/")) &&
	       strlen(ref) <= REF_MAX && git_reference_name_is_valid(&valid, ref) == 0 && valid;
}

int repo_ref_resolve(struct repo *r, const char *name, char **ret_ref, struct err *e)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/", "" };
	char oid[OID_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		CLEAN_STR char *ref = xasprintf("%s%s", prefixes[i], name);
		struct err why = { 0 };

		if (!is_ref_name(ref))
			continue;
		if (repo_ref(r, ref, oid, &why) == 0) {
			*ret_ref = TAKE(ref);
			return 0;
		}
		if (!err_is(&why, ERR_NOT_FOUND))
			return failed_to_read(&why, e);
	}
	return err_set(e, ERR_NOT_FOUND,
		"no branch or tag \"%.200s\", expected one of the repository", name);
}

void commit_info_release(struct commit_info *c)
{
	free(c->message);
	free(c->author_name);
	free(c->author_email);
	free(c->committer_name);
	free(c->committer_email);
	*c = (struct commit_info){ 0 };
}

/* Commits may be in any encoding: what is not UTF-8 becomes '?', so that JSON can carry it. */
static char *utf8_text(const char *s, size_t max)
{
	size_t n = s ? strlen(s) : 0;
	char *out = xmemdup0(s ? s : "", n > max ? max : n);

	n = utf8_whole_prefix(out, strlen(out));
	out[n] = '\0';
	if (utf8_valid(out, n))
		return out;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)out[i] >= 0x80)
			out[i] = '?';
	return out;
}

static void format_time(const git_time *t, char *out, size_t max)
{
	time_t local = (time_t)(t->time + t->offset * 60);
	int offset = abs(t->offset);
	struct tm tm;

	/* years beyond four digits are no RFC 3339: such a clock means nothing anyway */
	if (t->time < 0 || t->time > INT64_C(253402300799) - 86400 || offset >= 24 * 60 ||
		!gmtime_r(&local, &tm)) {
		snprintf(out, max, "1970-01-01T00:00:00+00:00");
		return;
	}
	size_t n = strftime(out, max, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, max - n, "%c%02d:%02d", t->offset < 0 ? '-' : '+', offset / 60,
		offset % 60);
}

/* The commit behind oid, tags followed; the caller frees it. */
static git_commit *commit_lookup(struct repo *r, const char *oid, struct err *e)
{
	CLEANUP(free_object) git_object *object = NULL;
	git_object *commit = NULL;
	git_oid id;
	int rc;

	if (!is_hex_oid(oid)) {
		err_set(e, ERR_INPUT, "bad object id \"%.60s\"", oid);
		return NULL;
	}
	git_oid_fromstr(&id, oid);
	rc = git_object_lookup(&object, r->git, &id, GIT_OBJECT_ANY);
	if (rc == 0)
		rc = git_object_peel(&commit, object, GIT_OBJECT_COMMIT);
	if (rc < 0)
		git_failed(e, rc == GIT_EPEEL ? GIT_EINVALIDSPEC : rc, oid);
	return (git_commit *)commit;
}

static void fill_person(const git_signature *who, char **ret_name, char **ret_email)
{
	*ret_name = utf8_text(who ? who->name : "", 256);
	*ret_email = utf8_text(who ? who->email : "", 256);
}

void commit_info_fill(struct commit_info *ret, const git_commit *commit)
{
	const git_signature *author = git_commit_author(commit);

	*ret = (struct commit_info){ 0 };
	git_oid_tostr(ret->oid, OID_TEXT_MAX, git_commit_id(commit));
	git_oid_tostr(ret->tree, OID_TEXT_MAX, git_commit_tree_id(commit));
	ret->message = utf8_text(git_commit_message(commit), MESSAGE_MAX);
	fill_person(author, &ret->author_name, &ret->author_email);
	fill_person(git_commit_committer(commit), &ret->committer_name, &ret->committer_email);
	format_time(
		author ? &author->when : &(git_time){ 0 }, ret->timestamp, sizeof(ret->timestamp));
}

int repo_commit(struct repo *r, const char *oid, struct commit_info *ret, struct err *e)
{
	CLEANUP(free_commit) git_commit *commit = commit_lookup(r, oid, e);

	if (!commit)
		return -1;
	commit_info_fill(ret, commit);
	return 0;
}

void repo_files_release(struct repo_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].path);
		free(f->v[i].data);
	}
	free(f->v);
	*f = (struct repo_files){ 0 };
}

static bool is_workflow(const git_tree_entry *t)
{
	const char *name = git_tree_entry_name(t);
	git_filemode_t mode = git_tree_entry_filemode(t);

	return (mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE) &&
	       (str_ends(name, ".yml") || str_ends(name, ".yaml"));
}

/* The name stands in the store, in messages and on terminals. */
static bool name_printable(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return n <= 255 && utf8_valid(name, n);
}

/* The size comes from the object's header first: a huge blob is never loaded. */
static int load_file(struct repo *r, const git_tree_entry *t, struct repo_file *f, struct err *e)
{
	CLEANUP(free_odb) git_odb *odb = NULL;
	CLEANUP(free_blob) git_blob *blob = NULL;
	const git_oid *id = git_tree_entry_id(t);
	git_object_t type;
	int rc = git_repository_odb(&odb, r->git);

	if (rc == 0)
		rc = git_odb_read_header(&f->len, &type, odb, id);
	if (rc == 0 && f->len <= LIMIT_WORKFLOW_FILE)
		rc = git_blob_lookup(&blob, r->git, id);
	if (rc < 0)
		return git_failed(e, rc, f->path);
	if (blob)
		f->data = xmemdup0(git_blob_rawcontent(blob), f->len);
	return 0;
}

/* NULL without error: the commit has no such folder. */
static int workflow_tree(struct repo *r, const char *oid, git_tree **ret, struct err *e)
{
	CLEANUP(free_commit) git_commit *commit = commit_lookup(r, oid, e);
	CLEANUP(free_tree) git_tree *root = NULL;
	CLEANUP(free_entry) git_tree_entry *entry = NULL;

	if (!commit)
		return -1;
	int rc = git_commit_tree(&root, commit);
	if (rc == 0)
		rc = git_tree_entry_bypath(&entry, root, REPO_WORKFLOW_DIR);
	if (rc == GIT_ENOTFOUND || (rc == 0 && git_tree_entry_type(entry) != GIT_OBJECT_TREE))
		return 0;
	if (rc == 0)
		rc = git_tree_lookup(ret, r->git, git_tree_entry_id(entry));
	return rc < 0 ? git_failed(e, rc, REPO_WORKFLOW_DIR) : 0;
}

static int load_files(struct repo *r, const git_tree *tree, struct repo_files *files, struct err *e)
{
	for (size_t i = 0; i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *t = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(t);

		if (!is_workflow(t))
			continue;
		if (files->n == REPO_WORKFLOWS_MAX || !name_printable(name) ||
			strlen(REPO_WORKFLOW_DIR "/") + strlen(name) > LIMIT_WORKFLOW_PATH) {
			files->skipped++;
			continue;
		}
		struct repo_file *f = &files->v[files->n++];
		f->path = xasprintf(REPO_WORKFLOW_DIR "/%s", name);
		if (load_file(r, t, f, e) < 0)
			return -1;
	}
	return 0;
}

int repo_workflows(struct repo *r, const char *commit, struct repo_files *ret, struct err *e)
{
	CLEANUP(free_tree) git_tree *tree = NULL;

	if (workflow_tree(r, commit, &tree, e) < 0)
		return -1;
	struct repo_files files = { .v = xcalloc(REPO_WORKFLOWS_MAX, sizeof(*files.v)) };
	if (tree && load_files(r, tree, &files, e) < 0) {
		repo_files_release(&files);
		return -1;
	}
	*ret = files;
	return 0;
}

struct changes {
	struct strv *names;
	bool too_many;
};

static int note_change(
	const git_diff *diff, const git_diff_delta *delta, const char *pathspec, void *data)
{
	struct changes *c = data;

	(void)diff;
	(void)pathspec;
	c->too_many = c->names->n >= REPO_CHANGED_MAX;
	if (c->too_many)
		return GIT_EUSER;
	strv_add(c->names, delta->new_file.path);
	return 1; /* the name is all that is wanted: keep it out of the list */
}

static bool commit_named(struct repo *r, const char *name, git_oid *ret)
{
	return (is_hex_oid(name) ? git_oid_fromstr(ret, name)
				 : git_reference_name_to_id(ret, r->git, name)) == 0;
}

/* The tree a push is compared with: NULL is the empty one. */
static git_tree *base_tree(
	struct repo *r, const char *before, const git_oid *after, const char *against)
{
	CLEANUP(free_commit) git_commit *commit = NULL;
	git_tree *tree = NULL;
	git_oid other, base;

	if (before)
		commit = commit_lookup(r, before, NULL);
	else if (against && commit_named(r, against, &other) &&
		 git_merge_base(&base, r->git, &other, after) == 0 &&
		 git_commit_lookup(&commit, r->git, &base) < 0)
		commit = NULL;
	if (commit && git_commit_tree(&tree, commit) < 0)
		return NULL;
	return tree;
}

int repo_changed(struct repo *r, const char *before, const char *after, const char *against,
	struct strv *ret, bool *ret_all, struct err *e)
{
	CLEANUP(free_commit) git_commit *commit = commit_lookup(r, after, e);
	CLEANUP(free_tree) git_tree *new_tree = NULL;
	CLEANUP(free_tree) git_tree *old_tree = NULL;
	CLEANUP(free_diff) git_diff *diff = NULL;
	git_diff_options opts = GIT_DIFF_OPTIONS_INIT;
	struct changes c = { .names = ret };

	if (!commit)
		return -1;
	int rc = git_commit_tree(&new_tree, commit);
	if (rc < 0)
		return git_failed(e, rc, after);
	old_tree = base_tree(r, before, git_commit_id(commit), against);
	opts.notify_cb = note_change;
	opts.payload = &c;
	opts.flags = GIT_DIFF_SKIP_BINARY_CHECK;
	rc = git_diff_tree_to_tree(&diff, r->git, old_tree, new_tree, &opts);
	*ret_all = c.too_many;
	return rc < 0 && !c.too_many ? git_failed(e, rc, "compare commits") : 0;
}
