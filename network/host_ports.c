/*
 * The listener proves that a step cannot reach the host: a port that nobody listens on would be
 * refused without any firewall.
 */
#include "network/host_ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool is_reachable_v4(const struct in_addr *a)
{
	return ntohl(a->s_addr) >> 24 != 127;
}

static bool is_reachable_v6(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_LINKLOCAL(a);
}

static void add_address(struct host_ports *h, const struct sockaddr *sa)
{
	const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	char text[INET6_ADDRSTRLEN] = "";

	if (sa->sa_family == AF_INET && is_reachable_v4(v4))
		inet_ntop(AF_INET, v4, text, sizeof(text));
	else if (sa->sa_family == AF_INET6 && is_reachable_v6(v6))
		inet_ntop(AF_INET6, v6, text, sizeof(text));
	if (*text && h->addresses.n < HOST_ADDRESSES_MAX && !strv_contains(&h->addresses, text))
		strv_add(&h->addresses, text);
}

static int find_addresses(struct host_ports *h, struct err *e)
{
	struct ifaddrs *list;

	if (getifaddrs(&list) < 0)
		return err_set_errno(e, errno, "addresses of this host");
	for (const struct ifaddrs *i = list; i; i = i->ifa_next)
		if (i->ifa_addr)
			add_address(h, i->ifa_addr);
	freeifaddrs(list);
	return 0;
}

static int listen_v4(struct host_ports *h, struct err *e)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);

	h->v4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->v4 < 0 || bind(h->v4, (struct sockaddr *)&any, sizeof(any)) < 0 ||
		listen(h->v4, 64) < 0 || getsockname(h->v4, (struct sockaddr *)&any, &len) < 0)
		return err_set_errno(e, errno, "listen on this host");
	h->port = ntohs(any.sin_port);
	return 0;
}

/* The same port; a host without IPv6 is fine. */
static void listen_v6(struct host_ports *h)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)h->port) };
	int on = 1;

	h->v6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (h->v6 < 0)
		return;
	if (setsockopt(h->v6, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0 ||
		bind(h->v6, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(h->v6, 64) < 0)
		close_fdp(&h->v6);
}

int host_ports_open(struct host_ports *h, struct err *e)
{
	*h = (struct host_ports)HOST_PORTS_INIT;
	if (find_addresses(h, e) < 0 || listen_v4(h, e) < 0)
		return -1;
	listen_v6(h);
	return 0;
}

void host_ports_close(struct host_ports *h)
{
	close_fdp(&h->v4);
	close_fdp(&h->v6);
	strv_release(&h->addresses);
}
