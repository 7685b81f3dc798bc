/*
 * Networks of a container engine: inspect, make, remove. Every call blocks on the loop; errors as
 * in engine/engine.h.
 */
#ifndef ENGINE_NETWORK_H
#define ENGINE_NETWORK_H

#include "engine/dialect.h"

struct engine_network {
	bool exists;
	char *driver;   /* "bridge" */
	char *bridge;   /* host interface; "" when the engine chose the name */
	char *subnet;   /* "172.30.0.0/24"; "" when there is none */
	char *gateway;  /* "172.30.0.1" */
	char *owner;    /* value of NETWORK_LABEL; "" when it has none */
	size_t subnets; /* how many there are */
	bool ipv6;
	bool icc;          /* the engine lets containers reach each other */
	bool engine_dns;   /* the engine itself answers DNS on the gateway */
	size_t containers; /* attached to it */
};
#define NETWORK_LABEL "sh.shithub.network"

/* A missing network is exists = false, not an error. Release what it filled. */
int engine_network_inspect(
	struct engine *g, const char *name, struct engine_network *ret, struct err *e) CHECK_RESULT;
void engine_network_release(struct engine_network *n);

struct network_spec {
	const char *name, *bridge, *subnet, *gateway;
	const char *owner; /* value of NETWORK_LABEL */
};
/* The create call, pure: its path after the version, and its body. */
const char *network_create_path(const struct dialect *d);
int network_body(const struct network_spec *s, const struct dialect *d, struct buf *out,
	struct err *e) CHECK_RESULT;

int engine_network_create(
	struct engine *g, const struct network_spec *s, struct err *e) CHECK_RESULT;
/* A missing one is no error. The engine refuses while containers use it. */
int engine_network_remove(struct engine *g, const char *name, struct err *e) CHECK_RESULT;

#endif
