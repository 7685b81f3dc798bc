/*
 * Two tables of prefixes. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is judged
 * by what it carries, since that is where the packets go. Whether an address is this host's own is
 * asked with a UDP socket: for such a destination the kernel picks the very same address as source.
 * No packet is sent for it.
 */
#include "base/http/reach.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

struct range {
	const char *prefix;
	unsigned bits, reach;
};
static const struct range ranges4[] = {
	{ "0.0.0.0", 8, REACH_LOOPBACK }, /* "this host": Linux connects it to 127.0.0.1 */
	{ "127.0.0.0", 8, REACH_LOOPBACK }, { "169.254.0.0", 16, REACH_LINK_LOCAL },
	{ "100.100.100.200", 32, REACH_LINK_LOCAL }, /* a metadata service */
	{ "168.63.129.16", 32, REACH_LINK_LOCAL },   /* a metadata service */
	{ "10.0.0.0", 8, REACH_PRIVATE }, { "100.64.0.0", 10, REACH_PRIVATE },
	{ "172.16.0.0", 12, REACH_PRIVATE }, { "192.0.0.0", 24, REACH_PRIVATE },
	{ "192.0.2.0", 24, REACH_PRIVATE }, { "192.168.0.0", 16, REACH_PRIVATE },
	{ "198.18.0.0", 15, REACH_PRIVATE }, { "198.51.100.0", 24, REACH_PRIVATE },
	{ "203.0.113.0", 24, REACH_PRIVATE },
	{ "224.0.0.0", 3, REACH_PRIVATE }, /* multicast and above */
};
static const struct range ranges6[] = {
	{ "::", 128, REACH_LOOPBACK }, { "::1", 128, REACH_LOOPBACK },
	{ "fe80::", 10, REACH_LINK_LOCAL },
	{ "fd00:ec2::", 32, REACH_LINK_LOCAL }, /* a metadata service */
	{ "fc00::", 7, REACH_PRIVATE }, { "fec0::", 10, REACH_PRIVATE },
	{ "ff00::", 8, REACH_PRIVATE }, { "100::", 64, REACH_PRIVATE },
	{ "2001:db8::", 32, REACH_PRIVATE },
	{ "2001::", 23, REACH_PRIVATE }, /* Teredo and other tunnels: not followed */
};
/* Where an IPv6 address carries an IPv4 one: behind these prefixes. */
static const struct {
	const char *prefix;
	unsigned bits, at; /* byte of the IPv4 address */
} carriers[] = {
	{ "::ffff:0:0", 96, 12 },
	{ "::", 96, 12 },
	{ "64:ff9b::", 96, 12 },
	{ "64:ff9b:1::", 48, 12 },
	{ "2002::", 16, 2 },
};

static bool has_prefix(const unsigned char *a, const unsigned char *prefix, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, prefix, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ prefix[whole]) >> (8 - rest) == 0;
}

static unsigned find_range(int family, const unsigned char *a, const struct range *v, size_t n)
{
	unsigned char prefix[16];

	for (size_t i = 0; i < n; i++) {
		if (inet_pton(family, v[i].prefix, prefix) != 1)
			BUG("prefix %s", v[i].prefix);
		if (has_prefix(a, prefix, v[i].bits))
			return v[i].reach;
	}
	return REACH_PUBLIC;
}

static unsigned reach_of_v4(const unsigned char *a)
{
	return find_range(AF_INET, a, ranges4, ARRAY_LEN(ranges4));
}

static unsigned reach_of_v6(const unsigned char *a)
{
	unsigned reach = find_range(AF_INET6, a, ranges6, ARRAY_LEN(ranges6));
	unsigned char prefix[16];

	for (size_t i = 0; reach == REACH_PUBLIC && i < ARRAY_LEN(carriers); i++) {
		if (inet_pton(AF_INET6, carriers[i].prefix, prefix) != 1)
			BUG("prefix %s", carriers[i].prefix);
		if (has_prefix(a, prefix, carriers[i].bits))
			return reach_of_v4(a + carriers[i].at);
	}
	return reach;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The kernel takes an address of its own as the source for it. */
static bool is_own(const union address *a, socklen_t n)
{
	union address to = *a, from;
	socklen_t len = sizeof(from);
	CLEAN_FD int fd = socket(a->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&from, 0, sizeof(from));
	to.v4.sin_port = htons(9); /* any but 0; IPv6 has it at the same place */
	if (fd < 0 || connect(fd, &to.any, n) < 0 || getsockname(fd, &from.any, &len) < 0)
		return false;
	if (a->any.sa_family == AF_INET)
		return to.v4.sin_addr.s_addr == from.v4.sin_addr.s_addr;
	return memcmp(&to.v6.sin6_addr, &from.v6.sin6_addr, sizeof(to.v6.sin6_addr)) == 0;
}

unsigned reach_of_address(const struct sockaddr *given)
{
	union address a;
	unsigned char raw[16];
	unsigned reach;
	socklen_t n;

	memset(&a, 0, sizeof(a));
	if (given->sa_family == AF_INET) {
		n = sizeof(a.v4);
		memcpy(&a, given, n);
		memcpy(raw, &a.v4.sin_addr, sizeof(a.v4.sin_addr));
		reach = reach_of_v4(raw);
	} else if (given->sa_family == AF_INET6) {
		n = sizeof(a.v6);
		memcpy(&a, given, n);
		memcpy(raw, &a.v6.sin6_addr, sizeof(a.v6.sin6_addr));
		reach = reach_of_v6(raw);
	} else {
		return REACH_LOOPBACK;
	}
	return is_own(&a, n) ? REACH_LOOPBACK : reach;
}

unsigned reach_of_ip(const char *ip)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
		return reach_of_address((struct sockaddr *)&v4);
	if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
		return reach_of_address((struct sockaddr *)&v6);
	return REACH_LOOPBACK;
}

const char *reach_name(unsigned reach)
{
	switch (reach) {
	case REACH_LOOPBACK:
		return "of this host";
	case REACH_LINK_LOCAL:
		return "link-local";
	case REACH_PRIVATE:
		return "private";
	default:
		return "public";
	}
}

/* ---- origins ---- */

static bool part_same(CURLU *a, CURLU *b, CURLUPart part)
{
	char *x = NULL, *y = NULL;
	bool same = curl_url_get(a, part, &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		    curl_url_get(b, part, &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		    strcasecmp(x, y) == 0;

	curl_free(x);
	curl_free(y);
	return same;
}

bool http_same_origin(const char *a, const char *b)
{
	CURLU *x = curl_url(), *y = curl_url();
	bool same = x && y && a && b && curl_url_set(x, CURLUPART_URL, a, 0) == CURLUE_OK &&
		    curl_url_set(y, CURLUPART_URL, b, 0) == CURLUE_OK &&
		    part_same(x, y, CURLUPART_SCHEME) && part_same(x, y, CURLUPART_HOST) &&
		    part_same(x, y, CURLUPART_PORT);

	curl_url_cleanup(x);
	curl_url_cleanup(y);
	return same;
}
