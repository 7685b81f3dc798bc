/*
 * Each check parses the text and writes it again from what it parsed. So a firewall script or a
 * resolver configuration never holds bytes that came from the configuration file.
 */
#include "config/network_check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

static uint32_t mask_of(unsigned bits)
{
	return bits ? UINT32_MAX << (32 - bits) : 0;
}

bool ip_range_parse(const char *text, struct ip_range *ret)
{
	size_t n = strcspn(text, "/");
	char address[INET_ADDRSTRLEN] = "";
	struct in_addr in;
	int64_t bits = 32;

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	if (text[n] == '/' && !parse_i64(text + n + 1, 0, 32, &bits))
		return false;
	struct ip_range r = { ntohl(in.s_addr), (unsigned)bits };
	if (r.address & ~mask_of(r.bits))
		return false;
	*ret = r;
	return true;
}

const char *ip_range_text(struct ip_range r, char out[IP_RANGE_TEXT])
{
	int n = snprintf(out, IP_RANGE_TEXT, "%u.%u.%u.%u", r.address >> 24, r.address >> 16 & 255,
		r.address >> 8 & 255, r.address & 255);

	if (r.bits < 32)
		snprintf(out + n, IP_RANGE_TEXT - (size_t)n, "/%u", r.bits);
	return out;
}

bool ip_range_overlaps(struct ip_range a, struct ip_range b)
{
	uint32_t mask = mask_of(a.bits < b.bits ? a.bits : b.bits);

	return (a.address & mask) == (b.address & mask);
}

/* Rewrites the text: one range has one form, whoever wrote it. */
static void normalise(char **text, struct ip_range r)
{
	char out[IP_RANGE_TEXT];

	free(*text);
	*text = xstrdup(ip_range_text(r, out));
}

static bool overlaps_any(struct ip_range r, const char *const *ranges, size_t n)
{
	struct ip_range other;

	for (size_t i = 0; i < n; i++)
		if (ip_range_parse(ranges[i], &other) && ip_range_overlaps(r, other))
			return true;
	return false;
}

const char *check_subnet(char **text)
{
	static const char *const homes[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16" };
	struct ip_range r;

	if (!ip_range_parse(*text, &r) || r.bits < 16 || r.bits > 29 ||
		!overlaps_any(r, homes, ARRAY_LEN(homes)))
		return "expected a private IPv4 network from /16 to /29 such as \"172.30.0.0/24\"";
	normalise(text, r);
	return NULL;
}

const char *check_private_range(char **text)
{
	static const char *const never[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16",
		"224.0.0.0/3" };
	struct ip_range r;

	if (!ip_range_parse(*text, &r))
		return "expected an IPv4 address or network such as \"10.1.2.3\" or "
		       "\"10.1.0.0/16\"";
	if (r.bits < 8 || overlaps_any(r, never, ARRAY_LEN(never)))
		return "expected a range of at most /8 without loopback, link-local (metadata) and "
		       "multicast addresses";
	normalise(text, r);
	return NULL;
}

const char *check_bridge(char **text)
{
	size_t n = strlen(*text);

	for (size_t i = 0; i < n; i++)
		if (!isascii((*text)[i]) ||
			!(isalnum((unsigned char)(*text)[i]) || ((*text)[i] == '-' && i > 0)))
			n = 0;
	if (n < 1 || n > 15)
		return "expected an interface name of 1 to 15 letters, digits or '-'";
	return NULL;
}

const char *check_port(char **text)
{
	int64_t port;

	if (!parse_i64(*text, 1, 65535, &port))
		return "expected a port from 1 to 65535";
	if (port == 53 || port == 853)
		return "DNS goes to the allowlist's resolver only, expected another port";
	free(*text);
	*text = xasprintf("%u", (unsigned)port);
	return NULL;
}
