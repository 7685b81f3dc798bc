/* An observation judged by a policy: healthy if and only if there is no finding. Pure. */
#ifndef HYGIENE_HOST_REPORT_H
#define HYGIENE_HOST_REPORT_H

#include "hygiene/host/observation.h"
#include "hygiene/host/policy.h"

enum host_finding { /* in the order of their names, in which they are written */
	HOST_RECLAIMABLE_ABOVE,
	HOST_RECLAIMABLE_PARTIAL,
	HOST_FREE_BELOW,
	HOST_FREE_PARTIAL,
	HOST_ORPHANS,
	HOST_WARM_MISSING,
	HOST_WORKDIR_ABOVE,
	HOST_WORKDIR_PARTIAL,
	HOST_FINDINGS,
};
const char *host_finding_name(enum host_finding f);
/* What no clean-up cures and none may pass by: not measured, or a builder that should be there. */
bool host_finding_blocks(enum host_finding f);

struct host_report {
	const struct host_observation *observation; /* the caller's */
	bool found[HOST_FINDINGS];
	char *detail[HOST_FINDINGS];
};
void host_report_make(
	struct host_report *r, const struct host_observation *o, const struct hygiene_policy *p);
void host_report_release(struct host_report *r);
bool host_report_healthy(const struct host_report *r);
void host_report_write(const struct host_report *r, struct json_writer *w);

#endif
