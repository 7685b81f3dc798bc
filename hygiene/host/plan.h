/*
 * Whether one action may be done on this host now. Pure; says every reason against it at once, as
 * sorted codes, and executes nothing. Names of hosts, actions and builders are compared without
 * regard to case and blanks around them.
 */
#ifndef HYGIENE_HOST_PLAN_H
#define HYGIENE_HOST_PLAN_H

#include "hygiene/host/report.h"

#define AUDIT_KEY_PREFIX "runner-host-hygiene/"
enum { AUDIT_KEY_MAX = 200 };

struct hygiene_request { /* borrowed texts */
	const char *host, *action;
	const char *key;    /* NULL: none */
	const char *volume; /* NULL: none */
	bool mutate;
	struct strv retained; /* warm builders that the caller knows of and keeps */
};
void hygiene_request_write(const struct hygiene_request *r, struct json_writer *w);

struct hygiene_plan {
	enum hygiene_action action;
	char *volume;         /* the one to remove */
	struct strv blockers; /* sorted */
};
/* more: blockers that the caller knows of; NULL: none. */
void hygiene_plan_make(struct hygiene_plan *p, const struct hygiene_request *r,
	const struct hygiene_policy *policy, const struct host_report *report,
	const struct strv *more);
void hygiene_plan_release(struct hygiene_plan *p);
static inline bool hygiene_plan_ready(const struct hygiene_plan *p)
{
	return p->blockers.n == 0;
}
/* Nothing but that it was not asked for. */
bool hygiene_plan_dry(const struct hygiene_plan *p);
void hygiene_plan_write(const struct hygiene_plan *p, struct json_writer *w);

/* NULL, or what a key of an audit record should be. */
const char *audit_key_problem(const char *key);

#endif
