/*
 * What host hygiene may do here and what counts as trouble: [hygiene] of the configuration, or a
 * JSON object of the same content (the "policy" of a report). Plain values, no I/O.
 */
#ifndef HYGIENE_HOST_POLICY_H
#define HYGIENE_HOST_POLICY_H

#include "base/json.h"
#include "config/runner_config.h"

enum hygiene_action {
	HYGIENE_PRUNE_DOCKER_CACHE,    /* build cache, bounded by age and size */
	HYGIENE_BOUND_DOCKER_CACHE,    /* build cache, bounded by size: old parents of new layers */
	HYGIENE_PRUNE_DANGLING_IMAGES, /* images without a name */
	HYGIENE_REMOVE_STATE_VOLUMES,  /* one named state volume of BuildKit */
	HYGIENE_PRUNE_WORKDIR,         /* known, never enabled: `disk guard` does that */
	HYGIENE_RESTART_SERVICE,       /* known, never enabled */
	HYGIENE_ACTIONS,
};
const char *hygiene_action_name(enum hygiene_action a);
/* HYGIENE_ACTIONS: there is none of that name. Blanks around and case do not matter. */
enum hygiene_action hygiene_action_parse(const char *name);

struct hygiene_policy {
	char *approved_host; /* the machine whose policy this is */
	struct strv warm_builders, state_volumes, actions;
	int64_t minimum_free;                         /* bytes */
	int64_t maximum_reclaimable, maximum_workdir; /* bytes, -1: no limit */
	bool allow_orphan_buildkit;
	int64_t cache_age_us, cache_keep;
};
int hygiene_policy_of(
	struct hygiene_policy *p, const struct runner_config *c, struct err *e) CHECK_RESULT;
/* Strict: unknown keys, and bounds that the configuration would refuse, are errors. */
int hygiene_policy_read(
	struct hygiene_policy *p, const struct json_value *v, struct err *e) CHECK_RESULT;
void hygiene_policy_write(const struct hygiene_policy *p, struct json_writer *w);
void hygiene_policy_release(struct hygiene_policy *p);
bool hygiene_policy_enables(const struct hygiene_policy *p, enum hygiene_action a);

/* Names of hosts, builders, actions: blanks around them and case do not matter. */
bool hygiene_same(const char *a, const char *b);
bool hygiene_listed(const struct strv *list, const char *name);

#endif
