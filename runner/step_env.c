/* See step_env.h. */
#include "runner/step_env.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"

/* refs/heads/trunk → trunk, refs/tags/v1 → v1 */
static const char *ref_name(const char *ref)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/", "refs/pull/" };

	for (size_t i = 0; ref && i < ARRAY_LEN(prefixes); i++)
		if (str_starts(ref, prefixes[i]))
			return ref + strlen(prefixes[i]);
	return ref;
}

static const char *ref_type(const char *ref)
{
	return ref && str_starts(ref, "refs/tags/") ? "tag" : "branch";
}

/* owner/name of https://host/owner/name.git */
static char *repository_name(const char *url)
{
	const char *path = url ? strstr(url, "://") : NULL,
		   *slash = path ? strchr(path + 3, '/') : NULL;
	size_t n;

	if (!slash)
		return xstrdup("");
	n = strlen(slash + 1);
	if (str_ends(slash, ".git"))
		n -= strlen(".git");
	return xmemdup0(slash + 1, n);
}

static char *server_url(const char *url)
{
	const char *path = url ? strstr(url, "://") : NULL,
		   *slash = path ? strchr(path + 3, '/') : NULL;

	return slash ? xmemdup0(url, (size_t)(slash - url)) : xstrdup("");
}

static void set_both(struct pairs *p, const char *name, const char *value)
{
	CLEAN_STR char *ours = xasprintf("SHITHUB_%s", name),
		       *theirs = xasprintf("GITHUB_%s", name);

	pairs_set(p, ours, value ? value : "");
	pairs_set(p, theirs, value ? value : "");
}

static void set_number(struct pairs *p, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	set_both(p, name, text);
}

void step_env_defaults(const struct job *j, struct pairs *p)
{
	const struct job_spec *s = j->spec;
	CLEAN_STR char *repository = repository_name(s->checkout_url);
	CLEAN_STR char *server = server_url(s->checkout_url);
	struct {
		const char *name, *value;
	} texts[] = {
		{ "ACTIONS", "true" },
		{ "SHA", s->head_sha },
		{ "REF", s->head_ref },
		{ "REF_NAME", ref_name(s->head_ref) },
		{ "REF_TYPE", ref_type(s->head_ref) },
		{ "EVENT_NAME", s->event },
		{ "JOB", s->job_key },
		{ "WORKFLOW", s->workflow_name },
		{ "WORKSPACE", BOX_WORKSPACE },
		{ "REPOSITORY", repository },
		{ "SERVER_URL", server },
	};

	pairs_set(p, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	pairs_set(p, "HOME", "/tmp");
	pairs_set(p, "LANG", "C.UTF-8");
	pairs_set(p, "CI", "true");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		set_both(p, texts[i].name, texts[i].value);
	set_number(p, "RUN_ID", s->run_id);
	set_number(p, "RUN_NUMBER", s->run_index);
	pairs_set(p, "RUNNER_OS", "Linux");
	pairs_set(p, "RUNNER_TEMP", "/tmp");
}

static void merge(struct pairs *into, const struct pairs *from)
{
	for (size_t i = 0; i < from->n; i++)
		pairs_set(into, from->v[i].key, from->v[i].value);
}

/* SHITHUB_PATH of earlier steps comes before whatever PATH is by now. */
static void prepend_path(const struct job *j, struct pairs *p)
{
	struct buf path = BUF_INIT(LIMIT_ENV_BYTES);

	strv_each (dir, &j->path)
		buf_addf(&path, "%s:", dir);
	if (path.len) {
		buf_adds(&path, pairs_get(p, "PATH"));
		pairs_set(p, "PATH", buf_cstr(&path));
	}
	buf_release(&path);
}

void step_env(const struct job *j, const struct pairs *own, struct strv *ret)
{
	CLEANUP(pairs_release) struct pairs all = { 0 };

	step_env_defaults(j, &all);
	merge(&all, &j->job_env.pairs);
	merge(&all, &j->env);
	merge(&all, own);
	prepend_path(j, &all);
	for (size_t i = 0; i < all.n; i++)
		strv_addf(ret, "%s=%s", all.v[i].key, all.v[i].value);
}
