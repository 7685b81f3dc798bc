/*
 * A network of the right name that somebody else made is compared in every respect that the
 * firewall relies on. Where a packet between two containers never meets the firewall
 * (bridge-nf-call-iptables off), that is an error and not a detail.
 */
#include "network/bridge.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/limits.h"

#define OWNER "egress-firewall"
#define FILTER_SWITCH "/proc/sys/net/bridge/bridge-nf-call-iptables"

static struct network_spec spec_of(const struct network_plan *p)
{
	return (struct network_spec){ .name = p->network,
		.bridge = p->bridge,
		.subnet = p->subnet,
		.gateway = p->gateway,
		.owner = OWNER };
}

static int check_same(const struct engine_network *n, const struct network_plan *p, struct err *e)
{
	const struct {
		const char *what, *is, *wanted;
	} rows[] = {
		{ "driver", n->driver, "bridge" },
		{ "bridge", n->bridge, p->bridge },
		{ "subnet", n->subnet, p->subnet },
		{ "gateway", n->gateway, p->gateway },
		{ "IPv6", n->ipv6 ? "on" : "off", "off" },
		{ "engine's DNS", n->engine_dns ? "on" : "off", "off" },
		{ "number of subnets", n->subnets == 1 ? "1" : "not 1", "1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!str_eq(rows[i].is, rows[i].wanted))
			return err_set(e, ERR_CONFLICT,
				"network %s exists and its %s is %s, expected %s: remove that "
				"network or change engine.network, network.subnet, network.bridge",
				p->network, rows[i].what, *rows[i].is ? rows[i].is : "unnamed",
				rows[i].wanted);
	}
	return 0;
}

int bridge_look(
	struct engine *g, const struct network_plan *p, struct bridge_state *ret, struct err *e)
{
	CLEANUP(engine_network_release) struct engine_network n = { 0 };

	*ret = (struct bridge_state){ 0 };
	if (engine_network_inspect(g, p->network, &n, e) < 0)
		return -1;
	if (!n.exists)
		return 0;
	*ret = (struct bridge_state){
		.exists = true, .ours = str_eq(n.owner, OWNER), .containers = n.containers
	};
	return check_same(&n, p, e);
}

int bridge_create(struct engine *g, const struct network_plan *p, struct err *e)
{
	struct network_spec s = spec_of(p);

	return engine_network_create(g, &s, e);
}

int bridge_remove(struct engine *g, const struct network_plan *p, struct err *e)
{
	return engine_network_remove(g, p->network, e);
}

int bridge_call_text(
	const struct dialect *d, const struct network_plan *p, struct buf *out, struct err *e)
{
	struct network_spec s = spec_of(p);
	CLEAN_BUF struct buf body = BUF_INIT(KIB(16));

	if (network_body(&s, d, &body, e) < 0)
		return -1;
	buf_addf(out, "POST %s %s", network_create_path(d), buf_cstr(&body));
	return 0;
}

int bridge_filter_check(struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(64);
	struct err why = { 0 };

	if (file_read(FILTER_SWITCH, &text, &why) < 0)
		return err_set(e, ERR_CONFLICT,
			"containers can reach each other past the firewall (kernel module "
			"br_netfilter is missing: %s)",
			why.text);
	if (buf_cstr(&text)[0] != '1')
		return err_set(e, ERR_CONFLICT,
			"containers can reach each other past the firewall "
			"(net.bridge.bridge-nf-call-iptables is 0)");
	return 0;
}

int bridge_filter_enable(struct err *e)
{
	struct err ignored = { 0 };

	if (bridge_filter_check(&ignored) == 0)
		return 0;
	CLEAN_FD int fd = open(FILTER_SWITCH, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(e, errno,
			"%s (kernel module br_netfilter keeps containers apart)", FILTER_SWITCH);
	return fd_write_all(fd, "1\n", 2, e);
}
