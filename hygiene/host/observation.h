/*
 * What was seen of a host at one moment: free disk, what the engine could give back, its images
 * and volumes, what the workspaces take. Plain values; written as the "observation" of reports and
 * audits, and read again from there, so that a report can be made elsewhere and later. What could
 * not be measured is -1 here and null there, never 0. Folders appear by public names, not paths.
 */
#ifndef HYGIENE_HOST_OBSERVATION_H
#define HYGIENE_HOST_OBSERVATION_H

#include "base/clock.h"
#include "hygiene/host/inventory.h"

enum { OBSERVATION_SCHEMA = 1, OBSERVATION_PLACES = 4, OBSERVATION_MAX = 4 << 20 };

struct host_place {
	char *key;                        /* "workspaces", "state", "engine" */
	int64_t used, avail;              /* file system, bytes; -1 not known from here */
	int64_t bytes, allocated, unseen; /* the tree; -1 not measured */
};
struct host_observation {
	char *host;
	struct wall at;
	char *engine, *server; /* "docker", "Docker/20.10.24 (linux)" */
	int64_t free;          /* least of the places' */
	int64_t reclaimable;   /* sum of what is known */
	int64_t workdir, workdir_allocated, workdir_unseen; /* of place "workspaces" */
	struct host_place places[OBSERVATION_PLACES];       /* sorted by key */
	size_t n_places;
	struct inventory inventory;
};
void host_observation_release(struct host_observation *o);
void host_observation_write(const struct host_observation *o, struct json_writer *w);
/* Strict; sizes may also be texts as docker prints them. */
int host_observation_read(
	struct host_observation *o, const struct json_value *v, struct err *e) CHECK_RESULT;

/* NULL: no volume of that name was seen. */
const struct volume_row *host_volume(const struct host_observation *o, const char *name);

/* A number, or null when it is below 0. */
void kv_count(struct json_writer *w, const char *key, int64_t v);

#endif
