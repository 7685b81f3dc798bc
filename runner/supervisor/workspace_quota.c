/*
 * Only root may set limits. For a runner that is no root its unit did it before (`disk quota`);
 * whether they hold shows when the janitor gives a workspace its project.
 */
#include "runner/supervisor/workspace_quota.h"

#include <errno.h>

#include "base/log.h"
#include "hygiene/disk/project.h"

void workspace_quota_set(const struct runner_config *c)
{
	char limit[SIZE_TEXT_MAX];
	struct err e = { 0 };

	if (!c->runner.project_ids)
		return;
	if (project_limit_all(c->runner.workspace_root, c->runner.project_first,
		    c->runner.project_ids, c->runner.workspace_limit, &e) == 0)
		log_info("supervisor", "workspace_quota",
			F_STR("limit", size_format(c->runner.workspace_limit, limit)),
			F_INT("project", c->runner.project_first),
			F_INT("projects", c->runner.project_ids));
	else if (e.errnum != EPERM)
		log_warn("supervisor", "workspace_quota", F_ERR(&e),
			F_STR("effect", "a watcher measures the workspaces"));
}
