/*
 * The bridge's name is the network's own where the kernel takes it (15 bytes), otherwise a short
 * hash of it. Everything that later becomes text in a script or a configuration is typed here.
 */
#include "network/plan.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"

enum { UPSTREAM_MAX = 8 };

/* The network's own name where the kernel takes it, else one that is as good as unique. */
static void choose_bridge(struct network_plan *p)
{
	CLEAN_STR char *own = xstrdup(p->network);
	unsigned char hash[SHA256_LEN];
	char hex[9];

	if (p->config->network.bridge) {
		snprintf(p->bridge, sizeof(p->bridge), "%s", p->config->network.bridge);
	} else if (!check_bridge(&own)) {
		snprintf(p->bridge, sizeof(p->bridge), "%s", own);
	} else {
		sha256(own, strlen(own), hash);
		hex_encode(hash, 4, hex);
		snprintf(p->bridge, sizeof(p->bridge), "sh-%s", hex);
	}
}

/* '-' is all that a bridge may have and a table may not. */
static void choose_table(struct network_plan *p)
{
	snprintf(p->table, sizeof(p->table), "egress_%s", p->bridge);
	for (char *c = p->table; *c; c++)
		if (*c == '-')
			*c = '_';
}

int network_plan_init(struct network_plan *p, const struct runner_config *c, struct err *e)
{
	struct ip_range subnet;

	*p = (struct network_plan){
		.config = c, .network = c->engine.network, .subnet = c->network.subnet
	};
	if (str_eq(p->network, "none"))
		return err_set(e, ERR_INPUT,
			"engine.network is \"none\": steps have no network to guard, expected a "
			"network's name");
	if (!ip_range_parse(p->subnet, &subnet))
		BUG("network.subnet %s", p->subnet);
	ip_range_text((struct ip_range){ subnet.address + 1, 32 }, p->gateway);
	choose_bridge(p);
	choose_table(p);
	allowlist_init(&p->names, &c->runner.network_allowlist);
	p->dir = path_join(c->network.dir, p->bridge);
	return 0;
}

int network_plan_require_resolver(const struct network_plan *p, struct err *e)
{
	const struct strv *servers = &p->config->engine.dns_servers;

	if (servers->n == 1 && str_eq(servers->v[0], p->gateway))
		return 0;
	return err_set(e, ERR_INPUT,
		"engine.dns_servers: expected the allowlist's resolver alone, \"%s\"", p->gateway);
}

void network_plan_release(struct network_plan *p)
{
	allowlist_release(&p->names);
	strv_release(&p->upstream);
	free(p->dir);
	*p = (struct network_plan){ 0 };
}

/* The address of a "nameserver" line, or NULL; cuts the line. */
static const char *nameserver_of(char *line)
{
	static const char key[] = "nameserver";
	unsigned char address[sizeof(struct in6_addr)];

	if (!str_starts(line, key) || !isblank((unsigned char)line[sizeof(key) - 1]))
		return NULL;
	line += sizeof(key) - 1;
	line += strspn(line, " \t");
	line[strcspn(line, " \t\r#;")] = '\0';
	if (inet_pton(AF_INET, line, address) != 1 && inet_pton(AF_INET6, line, address) != 1)
		return NULL;
	return line;
}

int network_plan_upstream(struct network_plan *p, const char *resolv_conf, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(LIMIT_CONFIG_FILE);
	CLEANUP(strv_release) struct strv lines = { 0 };

	strv_release(&p->upstream);
	strv_each (address, &p->config->network.upstream_dns)
		strv_add(&p->upstream, address);
	if (p->upstream.n)
		return 0;
	if (file_read(resolv_conf, &text, e) < 0)
		return err_wrap(e, "network.upstream_dns is not set and");
	strv_split(&lines, buf_cstr(&text), '\n');
	for (size_t i = 0; i < lines.n && p->upstream.n < UPSTREAM_MAX; i++) {
		const char *address = nameserver_of(lines.v[i]);

		if (address && !strv_contains(&p->upstream, address))
			strv_add(&p->upstream, address);
	}
	if (!p->upstream.n)
		return err_set(e, ERR_INPUT,
			"network.upstream_dns is not set and %s names no nameserver, expected the "
			"address of a resolver",
			resolv_conf);
	return 0;
}

char *network_plan_file(const struct network_plan *p, const char *name)
{
	return path_join(p->dir, name);
}
