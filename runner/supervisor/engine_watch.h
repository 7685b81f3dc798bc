/*
 * Whether the container engine answers: asked every ENGINE_WATCH_S seconds, at the places where
 * engine_open looks for it. For status, health and metrics only; jobs find out for themselves.
 * Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_ENGINE_WATCH_H
#define RUNNER_SUPERVISOR_ENGINE_WATCH_H

#include "base/http/http.h"
#include "config/runner_config.h"

enum { ENGINE_WATCH_S = 10 };

enum engine_state { ENGINE_UNKNOWN, ENGINE_UP, ENGINE_DOWN };
struct engine_view {
	enum engine_state state;
	struct wall since;  /* in this state; us 0: unknown */
	const char *server; /* as it calls itself; NULL: never seen */
	const char *socket; /* the one that answered, or the first that was asked */
	const char *error;  /* ENGINE_DOWN: why */
	uint64_t failures;  /* how often it did not answer */
};

struct engine_watch;
struct engine_watch *engine_watch_new(
	struct loop *l, struct http *h, const struct runner_config *c);
void engine_watch_free(struct engine_watch *w); /* NULL fine */
/* Called when an engine that answered does not any longer, and when it answers again. */
void engine_watch_on_change(struct engine_watch *w, void (*fn)(void *data), void *data);
/* It answered once and does not now. */
bool engine_watch_lost(const struct engine_watch *w);
/* Holds from the next ping on, which leaves at once. */
void engine_watch_configure(struct engine_watch *w, const struct runner_config *c);
struct engine_view engine_watch_view(const struct engine_watch *w);

#endif
