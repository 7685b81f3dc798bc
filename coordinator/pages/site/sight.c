/*
 * Reasons why a job waits name runners, so names, labels and states of those that serve everybody
 * are no secret. Hosts are shown to those who are known alone.
 */
#include "coordinator/pages/site/sight.h"

#include "coordinator/view/runner.h"

enum { REPOS_ASKED = 10000 };

void sight_release(struct sight *s)
{
	viewer_release(&s->viewer);
	readable_list_release(&s->readable);
}

int sight_of(struct app *a, struct httpd_request *r, struct sight *ret, struct err *e)
{
	if (viewer_of(a, r, &ret->viewer, e) < 0)
		return -1;
	ret->reader = access_reader(viewer_pat(&ret->viewer));
	const struct readable_spec spec = {
		.user_id = ret->reader, .owner = "", .name = "", .limit = REPOS_ASKED
	};
	return store_readable_list(a->store, &spec, &ret->readable, e);
}

bool sight_runner(const struct sight *s, const struct runner_row *r)
{
	if (!r->scope_repo_id && !r->scope_owner)
		return true;
	for (size_t i = 0; i < s->readable.n; i++) {
		const struct readable_row *repo = &s->readable.v[i];

		if (r->scope_repo_id ? repo->repo_id == r->scope_repo_id
				     : str_eq(repo->owner, r->scope_owner))
			return true;
	}
	return s->reader && s->viewer.who.site_admin;
}

const char *runner_word(const struct runner_row *r, struct wall now)
{
	const char *mood = runner_mood(r, now);

	return str_eq(mood, "online") ? runner_work_status(r, now) : mood;
}

const char *trouble_title(const char *kind)
{
	if (str_eq(kind, "disk"))
		return "Its disk is full";
	if (str_eq(kind, "engine"))
		return "Its container engine does not answer";
	return str_eq(kind, "machine") ? "Its machine cannot run jobs"
				       : "It says that something keeps it from work";
}
