/*
 * The half of the egress firewall that knows names: a dnsmasq of our own on the bridge. It knows no
 * upstream but for allowed names, answers "no such name" to everything else without asking anybody,
 * refuses private addresses in answers, drops to its own user, and writes each address that it
 * hands out into the firewall's set. It caches nothing: what comes from a cache reaches no set.
 *
 * Who runs it: by hand a daemon of `network up`; under systemd a unit that runs the very command
 * line resolver_argv gives, with --keep-in-foreground. Either way it is known by its pid file and
 * by the configuration on its command line, and signalled through a pidfd: a number alone may be
 * anybody's by now.
 */
#ifndef NETWORK_RESOLVER_H
#define NETWORK_RESOLVER_H

#include "base/buf.h"
#include "base/loop.h"
#include "network/plan.h"

const char *resolver_user(void); /* dnsmasq where that user exists */
/* Connections over TCP that it serves at the same time: in all, and (network/nft.h) of one job. As
 * many jobs as the usual subnet has addresses cannot take them all from a neighbour. */
enum { RESOLVER_STREAMS_OF_ONE = 4, RESOLVER_STREAMS = 256 * RESOLVER_STREAMS_OF_ONE };

/* dnsmasq.conf, pure; needs the upstream. user: whom it drops to. */
void resolver_conf(const struct network_plan *p, const char *user, struct buf *out);
void resolver_argv(const struct network_plan *p, bool foreground, struct strv *ret);

/* *ret_supervised: another program restarts it. */
bool resolver_running(const struct network_plan *p, bool *ret_supervised);
/* Does the file hold what the plan asks for? */
bool resolver_conf_current(const struct network_plan *p);
int resolver_write_conf(const struct network_plan *p, struct err *e) CHECK_RESULT;
int resolver_start(const struct network_plan *p, struct loop *l, struct err *e) CHECK_RESULT;
/* SIGTERM, SIGKILL after five seconds; one that does not run is no error. */
int resolver_stop(const struct network_plan *p, struct err *e) CHECK_RESULT;

#endif
