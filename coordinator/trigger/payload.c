/*
 * Event payloads from what the store and the repository say. They come from whoever pushes, so
 * expressions get them tainted. The commits of a push are cut where a claim would grow too large
 * (repo.h); whoever needs all of them has `before`, `after` and git.
 */
#include "coordinator/trigger/payload.h"

#include "base/limits.h"
#include "coordinator/store/repo.h"
#include "workflow/event.h"

static char *payload_text(
	const struct trigger *t, const struct repo_row *repo, struct event_facts *f, struct err *e)
{
	CLEAN_STR char *full = xasprintf("%s/%s", repo->owner, repo->name);
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES / 2);
	struct json_writer w;

	f->server_url = t->public_url;
	f->repository = full;
	f->repository_id = repo->id;
	f->default_branch = repo->default_branch;
	f->private_known = true;
	f->private = repo->private;
	json_writer_init(&w, &out, false);
	event_payload_write(&w, f, NULL);
	if (json_writer_finish(&w, e) < 0) {
		err_wrap(e, "event payload");
		return NULL;
	}
	return buf_take(&out);
}

static struct event_commit commit_of(const struct commit_info *c)
{
	return (struct event_commit){ .id = c->oid,
		.tree = c->tree,
		.message = c->message,
		.timestamp = c->timestamp,
		.author_name = c->author_name,
		.author_email = c->author_email,
		.committer_name = c->committer_name,
		.committer_email = c->committer_email,
		.distinct = c->distinct };
}

char *payload_push(const struct trigger *t, const struct repo_row *repo,
	const struct payload_push *p, struct err *e)
{
	const struct commit_list *l = p->commits;
	struct event_commit *commits = xcalloc(l->n + 1, sizeof(*commits));
	struct event_commit head = commit_of(p->head);
	struct event_facts f = { .name = "push",
		.actor = p->pusher,
		.ref = p->update->ref,
		.before = p->update->before,
		.after = p->update->after,
		.commits = commits,
		.n_commits = l->n,
		.head = &head,
		.forced = l->forced };

	for (size_t i = 0; i < l->n; i++)
		commits[i] = commit_of(&l->v[i]);
	head.distinct = l->n && l->v[l->n - 1].distinct;
	char *text = payload_text(t, repo, &f, e);
	free(commits);
	return text;
}

char *payload_dispatch(const struct trigger *t, const struct repo_row *repo, const char *file,
	const char *ref, const struct pairs *inputs, const char *actor, struct err *e)
{
	struct event_facts f = { .name = "workflow_dispatch",
		.actor = actor,
		.ref = ref,
		.workflow_file = file,
		.inputs = inputs };

	return payload_text(t, repo, &f, e);
}

char *payload_schedule(const struct trigger *t, const struct repo_row *repo,
	const struct schedule_row *line, struct err *e)
{
	struct event_facts f = { .name = "schedule",
		.actor = line->actor,
		.workflow_file = line->workflow_file,
		.cron = line->cron };

	return payload_text(t, repo, &f, e);
}

char *payload_pull(const struct trigger *t, const struct repo_row *repo,
	const struct event_pull *pull, const char *actor, struct err *e)
{
	struct event_facts f = { .name = "pull_request", .actor = actor, .pull = pull };

	return payload_text(t, repo, &f, e);
}
