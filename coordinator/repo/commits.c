/*
 * The commits that a push brought. Newest first as git walks, so that a push of a whole history
 * costs no more than what is kept of it; turned round at the end, as payloads list them.
 */
#include "coordinator/repo/private.h"

#include <stdlib.h>

#include "base/codec.h"
#include "coordinator/repo/git_error.h"

enum { COMMITS_MAX = 256 };
#define MESSAGES_MAX KIB(256) /* of all commits together */

struct walk {
	struct repo *repo;
	const char *ref; /* the one that was pushed */
	git_oid before, after;
	bool created; /* there is no before to compare with */
};

static void free_walk(git_revwalk **w)
{
	git_revwalk_free(*w);
}

static void free_references(git_reference_iterator **i)
{
	git_reference_iterator_free(*i);
}

/* Whatever another branch has is none of this push's. */
static int hide_other_branches(const struct walk *w, git_revwalk *walk)
{
	CLEANUP(free_references) git_reference_iterator *all = NULL;
	const char *name;
	int rc = git_reference_iterator_glob_new(&all, w->repo->git, "refs/heads/*");

	while (rc == 0 && (rc = git_reference_next_name(&name, all)) == 0)
		if (!str_eq(name, w->ref))
			rc = git_revwalk_hide_ref(walk, name);
	return rc == GIT_ITEROVER ? 0 : rc;
}

/* Up to COMMITS_MAX commits, newest first. */
static int walk_ids(const struct walk *w, bool distinct, git_oid *ids, size_t *ret_n)
{
	CLEANUP(free_walk) git_revwalk *walk = NULL;
	int rc = git_revwalk_new(&walk, w->repo->git);

	if (rc == 0)
		rc = git_revwalk_sorting(walk, GIT_SORT_TIME);
	if (rc == 0)
		rc = git_revwalk_push(walk, &w->after);
	if (rc == 0 && !w->created)
		rc = git_revwalk_hide(walk, &w->before);
	if (rc == 0 && (distinct || w->created))
		rc = hide_other_branches(w, walk);
	*ret_n = 0;
	while (rc == 0 && *ret_n < COMMITS_MAX && (rc = git_revwalk_next(&ids[*ret_n], walk)) == 0)
		++*ret_n;
	return rc == GIT_ITEROVER ? 0 : rc;
}

static bool contains(const git_oid *ids, size_t n, const git_oid *id)
{
	for (size_t i = 0; i < n; i++)
		if (git_oid_equal(&ids[i], id))
			return true;
	return false;
}

static int add_commit(
	struct repo *r, const git_oid *id, bool distinct, struct commit_list *l, size_t *bytes)
{
	CLEANUP(free_commit) git_commit *commit = NULL;
	int rc = git_commit_lookup(&commit, r->git, id);

	if (rc < 0)
		return rc;
	struct commit_info *c = &l->v[l->n++];
	commit_info_fill(c, commit);
	c->distinct = distinct;
	*bytes += strlen(c->message);
	return 0;
}

static void turn_round(struct commit_list *l)
{
	for (size_t i = 0; i < l->n / 2; i++) {
		struct commit_info c = l->v[i];

		l->v[i] = l->v[l->n - 1 - i];
		l->v[l->n - 1 - i] = c;
	}
}

void commit_list_release(struct commit_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		commit_info_release(&l->v[i]);
	free(l->v);
	*l = (struct commit_list){ 0 };
}

static int fill_list(const struct walk *w, struct commit_list *l)
{
	git_oid ids[COMMITS_MAX], own[COMMITS_MAX];
	size_t n = 0, n_own = 0, bytes = 0;
	int rc = walk_ids(w, false, ids, &n);

	if (rc == 0)
		rc = walk_ids(w, true, own, &n_own);
	l->v = xcalloc(n + 1, sizeof(*l->v));
	for (size_t i = 0; rc == 0 && i < n && bytes < MESSAGES_MAX; i++)
		rc = add_commit(w->repo, &ids[i], contains(own, n_own, &ids[i]), l, &bytes);
	turn_round(l);
	return rc;
}

/* Before is gone from the repository, or no ancestor: somebody pushed with force. */
static bool is_forced(struct walk *w, const char *before)
{
	CLEANUP(free_commit) git_commit *old = NULL;

	w->created = strspn(before, "0") == strlen(before);
	if (w->created)
		return false;
	w->created = git_oid_fromstr(&w->before, before) < 0 ||
		     git_commit_lookup(&old, w->repo->git, &w->before) < 0;
	return w->created ||
	       (!git_oid_equal(&w->before, &w->after) &&
		       git_graph_descendant_of(w->repo->git, &w->after, &w->before) != 1);
}

int repo_pushed(struct repo *r, const char *ref, const char *before, const char *after,
	struct commit_list *ret, struct err *e)
{
	struct walk w = { .repo = r, .ref = ref };
	int rc = git_oid_fromstr(&w.after, after);

	*ret = (struct commit_list){ 0 };
	if (rc < 0)
		return git_failed(e, rc, after);
	if (!str_starts(ref, "refs/heads/"))
		return 0; /* a tag brings no commits of its own */
	ret->forced = is_forced(&w, before);
	rc = fill_list(&w, ret);
	return rc < 0 ? git_failed(e, rc, "list the commits of a push") : 0;
}

static bool descends(struct repo *r, const git_oid *id, const git_oid *ancestor)
{
	return git_oid_equal(id, ancestor) || git_graph_descendant_of(r->git, id, ancestor) == 1;
}

bool repo_branch_holds(struct repo *r, const char *ref, const char *oid)
{
	git_oid tip, wanted;

	return git_oid_fromstr(&wanted, oid) == 0 &&
	       git_reference_name_to_id(&tip, r->git, ref) == 0 && descends(r, &tip, &wanted);
}

bool repo_descends(struct repo *r, const char *oid, const char *ancestor)
{
	git_oid id, wanted;

	return git_oid_fromstr(&id, oid) == 0 && git_oid_fromstr(&wanted, ancestor) == 0 &&
	       descends(r, &id, &wanted);
}

bool repo_is_parent(struct repo *r, const char *commit, const char *parent)
{
	CLEANUP(free_commit) git_commit *merge = NULL;
	git_oid id, wanted;

	if (git_oid_fromstr(&id, commit) < 0 || git_oid_fromstr(&wanted, parent) < 0 ||
		git_commit_lookup(&merge, r->git, &id) < 0)
		return false;
	for (unsigned i = 0; i < git_commit_parentcount(merge); i++)
		if (git_oid_equal(git_commit_parent_id(merge, i), &wanted))
			return true;
	return false;
}
