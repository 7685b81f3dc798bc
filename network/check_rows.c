/*
 * The rows come from the plan: what is allowed, one name that is not, every private range, the
 * host's own addresses. A row that cannot be tested here is added with its verdict and its
 * reason.
 */
#include "network/check_rows.h"

#define PUBLIC_RESOLVER "8.8.8.8"
#define PUBLIC_ADDRESS "1.1.1.1"
#define PUBLIC_IPV6 "2606:4700:4700::1111"
#define METADATA "169.254.169.254"

static struct check_row *add(struct check_report *r, const char *name)
{
	r->rows = xrealloc(r->rows, (r->n + 1) * sizeof(*r->rows));
	r->rows[r->n] = (struct check_row){ .name = name, .verdict = CHECK_UNPROVED };
	return &r->rows[r->n++];
}

void check_row_known(struct check_report *r, const char *name, const char *what,
	enum check_verdict verdict, const char *detail)
{
	struct check_row *row = add(r, name);

	row->what = xstrdup(what);
	row->verdict = verdict;
	row->detail = xstrdup(detail);
}

/* A way that must be closed; what is the probe without its kind. */
static struct check_row *add_closed(
	struct check_report *r, const char *name, const char *counter, char *what, char *probe)
{
	struct check_row *row = add(r, name);

	row->what = what;
	row->probe = probe;
	row->counter = counter;
	return row;
}

static struct check_row *add_connect(struct check_report *r, const char *name, const char *counter,
	const char *address, int port)
{
	bool v6 = strchr(address, ':') != NULL;

	return add_closed(r, name, counter, xasprintf(v6 ? "[%s]:%d" : "%s:%d", address, port),
		xasprintf("connect,%s,%d", address, port));
}

/* ---- names ---- */

const char *check_allowed_name(const struct check_spec *s)
{
	const struct allowlist *names = &s->plan->names;

	if (s->allowed)
		return s->allowed;
	for (size_t i = 0; i < names->n; i++)
		if (!names->v[i].below)
			return names->v[i].name;
	return NULL;
}

static const char *refused_name(const struct check_spec *s)
{
	static const char *const known[] = { "example.com", "example.org", "example.net" };

	if (s->refused)
		return s->refused;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!allowlist_covers(&s->plan->names, known[i]))
			return known[i];
	return "not-allowed.invalid";
}

/* https where that is allowed, else the first port that is. */
static const char *allowed_port(const struct network_plan *p)
{
	const struct strv *ports = &p->config->network.ports;

	if (strv_contains(ports, "443"))
		return "443";
	return ports->n ? ports->v[0] : NULL;
}

static void add_allowed(struct check_report *r, const struct check_spec *s)
{
	const char *name = check_allowed_name(s), *port = allowed_port(s->plan);

	if (!s->plan->names.n && !s->allowed)
		return; /* nothing is allowed, so nothing can be open */
	if (!name) {
		check_row_known(r, "allowed name", "-", CHECK_UNPROVED,
			"the allowlist has no exact name to try: --allowed NAME");
		return;
	}
	struct check_row *row = add(r, "allowed name");
	row->want_open = true;
	row->what = port ? xasprintf("%s:%s", name, port) : xstrdup(name);
	row->probe = port ? xasprintf("name,%s,%s", name, port) : xasprintf("resolve,%s", name);
}

static void add_refused(struct check_report *r, const struct check_spec *s)
{
	const char *name = refused_name(s);

	add_closed(r, "other name", NULL, xstrdup(name), xasprintf("resolve,%s", name));
}

/* ---- addresses ---- */

static void add_resolvers(struct check_report *r, const struct check_spec *s)
{
	const char *name = check_allowed_name(s);

	static const struct {
		const char *name, *kind;
	} servers[] = { { "other resolver", "udp" }, { "DNS over TCP", "tcp" } };

	if (!name)
		name = refused_name(s);
	for (size_t i = 0; i < ARRAY_LEN(servers); i++)
		add_closed(r, servers[i].name, "refused_dns",
			xasprintf(PUBLIC_RESOLVER ":53 %s", servers[i].kind),
			xasprintf("dns,%s," PUBLIC_RESOLVER ",%s", servers[i].kind, name));
}

static bool is_opened(const struct network_plan *p, const char *address)
{
	struct ip_range one, opened;

	if (!ip_range_parse(address, &one))
		BUG("address %s", address);
	strv_each (range, &p->config->network.allow_private)
		if (ip_range_parse(range, &opened) && ip_range_overlaps(one, opened))
			return true;
	return false;
}

static void add_private(struct check_report *r, const struct network_plan *p)
{
	static const char *const inside[] = { "10.255.255.254", "172.31.255.254", "192.168.255.254",
		"100.127.255.254" };

	for (size_t i = 0; i < ARRAY_LEN(inside); i++)
		if (!is_opened(p, inside[i]))
			add_connect(r, "private range", "refused_private", inside[i], 443);
}

static void add_host(struct check_report *r, const struct host_ports *host)
{
	strv_each (address, &host->addresses) {
		bool v6 = strchr(address, ':') != NULL;

		if (v6 && host->v6 < 0)
			continue;
		/* a step has no IPv6 at all: being closed is proof enough */
		add_connect(r, "host port", v6 ? NULL : "refused_host", address, host->port)
			->listens = true;
	}
}

void check_rows_add(struct check_report *r, const struct check_spec *s,
	const struct host_ports *host, const char *neighbour)
{
	add_allowed(r, s);
	add_refused(r, s);
	add_connect(r, CHECK_DIRECT, "refused_direct", PUBLIC_ADDRESS, 443);
	add_closed(r, CHECK_DIRECT, "refused_direct", xstrdup(PUBLIC_ADDRESS ":443 udp"),
		xstrdup("datagram," PUBLIC_ADDRESS ",443"));
	add_resolvers(r, s);
	add_connect(r, "metadata", "refused_private", METADATA, 80);
	add_private(r, s->plan);
	add_host(r, host);
	add_connect(r, "neighbour", "refused_neighbour", neighbour, CHECK_NEIGHBOUR_PORT)->listens =
		true;
	add_connect(r, "IPv6", NULL, PUBLIC_IPV6, 443);
}
