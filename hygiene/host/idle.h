/*
 * Is nobody working on this host? Two checks, some time apart, must both say so, and each must have
 * seen everything: held leases of this state directory, processes and running containers of any
 * runner's jobs,
 * programs that build images (never this one and those that started it). Reads only.
 */
#ifndef HYGIENE_HOST_IDLE_H
#define HYGIENE_HOST_IDLE_H

#include "hygiene/host/collect.h"

enum host_idle_verdict { HOST_IDLE, HOST_ACTIVE, HOST_CONFLICTING, HOST_IDLE_INCOMPLETE };
const char *host_idle_name(enum host_idle_verdict v); /* "idle_evidence_active" … */

struct idle_sample {
	struct wall at;
	int64_t leases, containers, builds, jobs; /* -1: could not be counted */
	char *why;                                /* the first thing that was met, or NULL */
};
enum { IDLE_SAMPLES = 2 };
struct host_idle {
	struct idle_sample samples[IDLE_SAMPLES];
	enum host_idle_verdict verdict;
};
/* building: what else was seen of builds just now. Waits hygiene.idle_window. */
void host_idle_check(const struct host_context *h, uint64_t building, struct host_idle *ret,
	struct host_calls *calls);
enum host_idle_verdict host_idle_judge(const struct idle_sample *samples, size_t n); /* pure */
void host_idle_write(const struct host_idle *i, struct json_writer *w);
void host_idle_release(struct host_idle *i);

/* argv as /proc tells it, NUL between words: does it work for a job of any runner? */
bool is_job_command(const char *argv, size_t n);
/* … does it build images? */
bool is_build_command(const char *argv, size_t n);

#endif
