/*
 * Where an engine's unix socket may be, who answers there, and what to tell people whose socket
 * refuses. Any process; the probe blocks at most SOCKET_PROBE_S.
 */
#ifndef ENGINE_SOCKET_H
#define ENGINE_SOCKET_H

#include <sys/types.h>

#include "config/runner_config.h"

/* The places to try, best first: what DOCKER_HOST and CONTAINER_HOST name, then the usual ones
 * of kind. A variable that names no unix socket is ERR_INPUT: silently using another engine would
 * surprise. */
int engine_socket_places(enum engine_kind kind, struct strv *ret, struct err *e) CHECK_RESULT;
/* Connects once and hangs up. ret_owner is the user the engine runs as; -1 when its user namespace
 * hides that. ERR_NET names path, reason and remedy. */
int engine_socket_probe(
	const char *path, enum engine_kind kind, uid_t *ret_owner, struct err *e) CHECK_RESULT;
/* ERR_NET: none of the places exists. Always -1. */
int engine_socket_none(const struct strv *places, enum engine_kind kind, struct err *e);

#endif
