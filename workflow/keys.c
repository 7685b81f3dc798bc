/*
 * The rows follow the public documentation of the hosted service; what differs is said in
 * docs/WORKFLOWS.md. Which context a row has is decided by when and where the key is evaluated:
 *   - when the event comes: run-name, concurrency;
 *   - when the job is made, before a runner is known: name, runs-on, strategy, timeout and others;
 *   - by the runner before the first step: env of workflow and job;
 *   - by the runner at the step or behind the last one: everything of a step, outputs.
 */
#include "workflow/keys.h"

#define AT_EVENT "shithub inputs vars"
#define AT_MATRIX "shithub needs inputs vars"
#define AT_JOB AT_MATRIX " strategy matrix"
#define IN_DEFAULTS AT_JOB " env"
#define AT_STEP AT_JOB " env job runner steps"
#define AT_STEP_WITH_SECRETS AT_STEP " secrets"

static const struct key_rule rules[] = {
	{ "run-name", AT_EVENT, 0, RENDER_TEXT },
	{ "env.*", AT_EVENT " secrets", 0, RENDER_TEXT },
	{ "concurrency", AT_EVENT, 0, RENDER_TEXT },
	{ "concurrency.group", AT_EVENT, 0, RENDER_TEXT },
	{ "concurrency.cancel-in-progress", AT_EVENT, 0, RENDER_VALUE },
	{ "defaults.run.working-directory", IN_DEFAULTS, 0, RENDER_TEXT },
	{ "jobs.*.name", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.if", AT_MATRIX, KEY_STATUS, RENDER_CONDITION },
	{ "jobs.*.runs-on.**", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.strategy.matrix", AT_MATRIX, 0, RENDER_VALUE },
	{ "jobs.*.strategy.matrix.*", AT_MATRIX, 0, RENDER_VALUE },
	{ "jobs.*.strategy.matrix.**", AT_MATRIX, 0, RENDER_TEXT },
	{ "jobs.*.strategy.fail-fast", AT_MATRIX, 0, RENDER_VALUE },
	{ "jobs.*.strategy.max-parallel", AT_MATRIX, 0, RENDER_VALUE },
	{ "jobs.*.timeout-minutes", AT_JOB, 0, RENDER_VALUE },
	{ "jobs.*.continue-on-error", AT_JOB, 0, RENDER_VALUE },
	{ "jobs.*.concurrency", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.concurrency.group", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.concurrency.cancel-in-progress", AT_JOB, 0, RENDER_VALUE },
	{ "jobs.*.environment", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.environment.name", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.environment.url", AT_JOB, 0, RENDER_TEXT },
	{ "jobs.*.env.*", AT_JOB " runner secrets", 0, RENDER_TEXT },
	{ "jobs.*.defaults.run.working-directory", IN_DEFAULTS, 0, RENDER_TEXT },
	{ "jobs.*.outputs.*", AT_STEP_WITH_SECRETS, 0, RENDER_TEXT },
	{ "jobs.*.steps[].name", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_TEXT },
	{ "jobs.*.steps[].if", AT_STEP, KEY_STATUS | KEY_FILES, RENDER_CONDITION },
	{ "jobs.*.steps[].run", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_TEXT },
	{ "jobs.*.steps[].env.*", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_TEXT },
	{ "jobs.*.steps[].with.*", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_TEXT },
	{ "jobs.*.steps[].working-directory", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_TEXT },
	{ "jobs.*.steps[].timeout-minutes", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_VALUE },
	{ "jobs.*.steps[].continue-on-error", AT_STEP_WITH_SECRETS, KEY_FILES, RENDER_VALUE },
};

static bool is_key(const char *pattern, size_t len, const char *key)
{
	return (len == 1 && *pattern == '*') ||
	       (strlen(key) == len && memcmp(pattern, key, len) == 0);
}

static bool matches(const char *pattern, const struct key_segment *path, size_t n)
{
	size_t i = 0;

	while (*pattern && !str_eq(pattern, "**")) {
		size_t len = strcspn(pattern, ".[");
		bool entry = str_starts(pattern + len, "[]");

		if (i + entry >= n || !path[i].key || !is_key(pattern, len, path[i].key) ||
			(entry && path[i + 1].key))
			return false;
		i += 1 + entry;
		pattern += len + (entry ? 2 : 0);
		pattern += *pattern == '.';
	}
	return *pattern || i == n;
}

const struct key_rule *key_rule_find(const struct key_segment *path, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (matches(rules[i].key, path, n))
			return &rules[i];
	return NULL;
}

const struct key_rule *key_rules(size_t *ret_n)
{
	*ret_n = ARRAY_LEN(rules);
	return rules;
}

static bool in_words(const char *words, struct slice name)
{
	for (const char *p = words; *p;) {
		size_t len = strcspn(p, " ");

		if (expr_same_name((struct slice){ p, len }, name))
			return true;
		p += len + strspn(p + len, " ");
	}
	return false;
}

static struct slice one_name(struct slice name)
{
	return expr_same_name(name, SLICE("github")) ? SLICE("shithub") : name;
}

bool key_context_known(struct slice name)
{
	return in_words(AT_STEP_WITH_SECRETS, one_name(name));
}

bool key_allows_context(const struct key_rule *k, struct slice name)
{
	return in_words(k->contexts, one_name(name));
}
