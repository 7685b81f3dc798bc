/*
 * What the egress firewall is to be, resolved from the configuration: names of bridge and table,
 * addresses, names, files. Everything the firewall script and the resolver's configuration are made
 * of is here and typed: bridge and table names of letters, digits, '-' and '_', addresses that
 * inet_pton took, host names of letters, digits, '-', '_' and '.', numbers. Plain value; borrows
 * the configuration.
 *
 * The files are in network.dir, by default <state_dir>/network (0755; the supervisor must read
 * them, root writes them):
 *
 *   table.nft       the table as the kernel lists it, what every check compares with
 *   dnsmasq.conf    the resolver's configuration
 *   dnsmasq.pid, dnsmasq.log
 *   lock            held by `network up` and `network down`
 */
#ifndef NETWORK_PLAN_H
#define NETWORK_PLAN_H

#include "config/network_check.h"
#include "config/runner_config.h"
#include "network/allowlist.h"

enum { NETWORK_BRIDGE_MAX = 16, NETWORK_TABLE_MAX = 32, NETWORK_DIGEST_MAX = 33 };

struct network_plan {
	const struct runner_config *config;
	const char *network; /* engine.network, never "none" */
	char bridge[NETWORK_BRIDGE_MAX];
	char table[NETWORK_TABLE_MAX]; /* nftables table, family inet */
	const char *subnet;
	char gateway[IP_RANGE_TEXT];
	struct allowlist names;
	struct strv upstream; /* owned; empty until network_plan_upstream */
	char *dir;
};

/* ERR_INPUT: engine.network is "none". */
int network_plan_init(
	struct network_plan *p, const struct runner_config *c, struct err *e) CHECK_RESULT;
/* ERR_INPUT: engine.dns_servers names another resolver, so steps do not use this firewall's. */
int network_plan_require_resolver(const struct network_plan *p, struct err *e) CHECK_RESULT;
void network_plan_release(struct network_plan *p);
/* network.upstream_dns, else the nameservers of resolv_conf. */
int network_plan_upstream(
	struct network_plan *p, const char *resolv_conf, struct err *e) CHECK_RESULT;
char *network_plan_file(const struct network_plan *p, const char *name) CHECK_RESULT;

#endif
