/*
 * Can this machine run a job at all? A machine that cannot (workspace root read-only, engine away,
 * image or network missing, egress firewall down) would claim job after job and fail each of them.
 * So the platform is probed before the first claim and after every job that failed because of it,
 * and no job is claimed until a probe passes.
 *
 * A probe is a few short roles, one after the other, each with the rights that its part needs: the
 * janitor makes and removes a folder in the workspace root, `probe` asks the engine, and
 * `egress-firewall` reads the firewall. Between failures the pauses grow to five minutes; a job
 * that this machine could run resets them. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_PLATFORM_H
#define RUNNER_SUPERVISOR_PLATFORM_H

#include "base/loop.h"
#include "runner/supervisor/settings.h"

enum platform_state { PLATFORM_UNKNOWN, PLATFORM_GOOD, PLATFORM_BROKEN };

struct platform_spec {
	struct loop *loop;
	struct settings *const *current; /* where those in force are found, each time */
	void (*on_change)(void *data);   /* the answer may have changed */
	void *data;
};
struct platform_view {
	enum platform_state state;
	const char *error; /* BROKEN: why; borrowed */
	struct wall since; /* in this state */
	uint64_t failures; /* probes that failed, and jobs that failed because of the machine */
};

struct platform;
struct platform *platform_new(const struct platform_spec *spec); /* never NULL; probes at once */
void platform_free(struct platform *p);                          /* NULL fine */
/* May a job come now? No: on_change will be called. */
bool platform_open(const struct platform *p);
/* A job could not be run because of this machine. */
void platform_failed(struct platform *p, const char *why);
/* A job was run. */
void platform_worked(struct platform *p);
/* Settings changed: probes at once. */
void platform_recheck(struct platform *p);
struct platform_view platform_state(const struct platform *p);
const char *platform_state_name(enum platform_state state);

#endif
