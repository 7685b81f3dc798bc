/*
 * The bare git repositories below <data>/repos/<owner>/<name>.git: their names, how one is made,
 * and reading commits and small files out of them with libgit2. Writing is git's own business
 * (git receive-pack, coordinator/git/git_http.h).
 *
 * Call order: repo_library_init once before anything else here (main, an admin verb, a test);
 * repo_open → readers → repo_free. Paths on disk are made from stored rows only, never from what a
 * client sent.
 */
#ifndef COORDINATOR_REPO_REPO_H
#define COORDINATOR_REPO_REPO_H

#include "base/err.h"
#include "base/limits.h"
#include "coordinator/store/repo.h"

enum { OID_TEXT_MAX = 41, REPO_NAME_MAX = 100, REPO_OWNER_MAX = 39, REPO_WORKFLOWS_MAX = 100 };
#define REPO_WORKFLOW_DIR ".shithub/workflows"
#define REPO_CHANGED_MAX 100000 /* files of one push that a path filter checks */

/* Starts libgit2 without any configuration of the host. Counts: each init wants one shutdown. */
void repo_library_init(void);
void repo_library_shutdown(void);

/* owner: letters, digits, '-' inside; name: letters, digits, '.', '_', '-', neither starting with
 * '.' or '-' nor ending in ".git" or ".lock". */
int repo_owner_check(const char *owner, struct err *e) CHECK_RESULT;
/* Of one that is made: not the first segment of a path of the coordinator's own either. An owner
 * that was made before the word was reserved stays, and so do its repositories. */
int repo_owner_new_check(const char *owner, struct err *e) CHECK_RESULT;
/* Of a repository that is made. */
int repo_name_check(const char *owner, const char *name, struct err *e) CHECK_RESULT;
/* "owner/name" in two strings of the caller, checked. */
int repo_name_split(
	const char *full, char **ret_owner, char **ret_name, struct err *e) CHECK_RESULT;
int repo_branch_check(const char *branch, struct err *e) CHECK_RESULT;
char *repo_path(const char *data_dir, const struct repo_row *row) CHECK_RESULT;

/* Makes the bare repository with its configuration; ERR_CONFLICT if the folder exists. */
int repo_create(const char *path, const char *default_branch, struct err *e) CHECK_RESULT;
/* Removes a repository that repo_create made when what was to follow failed. */
void repo_discard(const char *path);

struct repo;
/* ERR_INTERNAL for every fault, which says nothing of the path: the row is there, so the disk or
 * its rights are wrong, and that may pass. The log has the path and libgit2's words. */
struct repo *repo_open(const char *path, struct err *e) CHECK_RESULT;
void repo_free(struct repo *r); /* NULL fine */
static inline void repo_freep(struct repo **r)
{
	repo_free(*r);
	*r = NULL;
}
#define CLEAN_REPO CLEANUP(repo_freep)

/* What the full ref name points at now (a tag object for an annotated tag). ERR_NOT_FOUND. */
int repo_ref(struct repo *r, const char *ref, char ret[OID_TEXT_MAX], struct err *e) CHECK_RESULT;
/* "trunk", "v1", "refs/heads/trunk" → full name: a branch wins over a tag. ERR_NOT_FOUND. */
int repo_ref_resolve(struct repo *r, const char *name, char **ret_ref, struct err *e) CHECK_RESULT;

struct commit_info {
	char oid[OID_TEXT_MAX];
	char tree[OID_TEXT_MAX];
	char *message; /* this and the names: valid UTF-8; at most 16 KiB */
	char *author_name, *author_email, *committer_name, *committer_email;
	char timestamp[48]; /* RFC 3339 with the author's offset */
	bool distinct;      /* in a list of a push: no other branch has it */
};
void commit_info_release(struct commit_info *c);
struct commit_list {
	struct commit_info *v; /* oldest first */
	size_t n;
	bool forced; /* before is no ancestor of after, or gone */
};
void commit_list_release(struct commit_list *l);
/* What a push of a branch brought: the newest 256 commits, fewer when their messages are long; none
 * for a tag. before: 40 zeros for a new branch, whose commits are those no other branch has. */
int repo_pushed(struct repo *r, const char *ref, const char *before, const char *after,
	struct commit_list *ret, struct err *e) CHECK_RESULT;
/* oid: a commit or an annotated tag of one. ERR_INPUT for anything else. */
int repo_commit(
	struct repo *r, const char *oid, struct commit_info *ret, struct err *e) CHECK_RESULT;

/* The commit is what the full ref points at, or an ancestor of it. */
bool repo_branch_holds(struct repo *r, const char *ref, const char *oid) CHECK_RESULT;
/* Both are commits, and the one is an ancestor of the other; or both are the same. */
bool repo_descends(struct repo *r, const char *oid, const char *ancestor) CHECK_RESULT;
bool repo_is_parent(struct repo *r, const char *commit, const char *parent) CHECK_RESULT;

struct repo_file {
	char *path; /* ".shithub/workflows/smoke.yml" */
	char *data; /* NULL when len is above LIMIT_WORKFLOW_FILE */
	size_t len;
};
struct repo_files {
	struct repo_file *v;
	size_t n;
	size_t skipped; /* more than REPO_WORKFLOWS_MAX, or names too long or not printable */
};
void repo_files_release(struct repo_files *f);
/* The *.yml and *.yaml files right below REPO_WORKFLOW_DIR; none is no error. */
int repo_workflows(
	struct repo *r, const char *commit, struct repo_files *ret, struct err *e) CHECK_RESULT;

/* Names of files that differ between two commits; before NULL: since the commit left the branch
 * `against` (a full ref or a commit; NULL or nothing in common: all files). *ret_all is set
 * instead when there are more than REPO_CHANGED_MAX. */
int repo_changed(struct repo *r, const char *before, const char *after, const char *against,
	struct strv *ret, bool *ret_all, struct err *e) CHECK_RESULT;

#endif
