/*
 * inet_pton decides what an address is: it takes no blanks, no leading zeros, no zone and no short
 * forms, so what an attacker writes is read like anybody else's text or not at all. Ports, which
 * some proxies add, are cut off before.
 */
#include "coordinator/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { V4_BITS = 96 }; /* of the prefix that a v4 address has in its v6 form */
static const unsigned char v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_v4(const struct address *a)
{
	return memcmp(a->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

struct address address_of(const struct sockaddr *a)
{
	struct address ret = { { 0 } };

	if (a->sa_family == AF_INET) {
		memcpy(ret.bytes, v4_prefix, sizeof(v4_prefix));
		memcpy(ret.bytes + 12, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
	} else if (a->sa_family == AF_INET6) {
		memcpy(ret.bytes, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
	}
	return ret;
}

const char *address_format(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
	bool v4 = is_v4(a);

	inet_ntop(v4 ? AF_INET : AF_INET6, a->bytes + (v4 ? 12 : 0), out, ADDRESS_TEXT_MAX);
	return out;
}

bool address_is_loopback(const struct address *a)
{
	static const struct address v6 = { { [15] = 1 } };

	return is_v4(a) ? a->bytes[12] == 127 : memcmp(a, &v6, sizeof(v6)) == 0;
}

struct address address_peer(const struct address *a)
{
	struct address ret = *a;

	if (!is_v4(a))
		memset(ret.bytes + 8, 0, 8);
	return ret;
}

static bool address_read(const char *text, struct address *ret, bool *ret_v4)
{
	memcpy(ret->bytes, v4_prefix, sizeof(v4_prefix));
	*ret_v4 = inet_pton(AF_INET, text, ret->bytes + 12) == 1;
	return *ret_v4 || inet_pton(AF_INET6, text, ret->bytes) == 1;
}

/* ---- networks ---- */

/* Both begin with the same bits. */
static bool same_prefix(const struct address *a, const struct address *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a->bytes, b->bytes, whole) == 0 &&
	       (!rest || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0);
}

static bool ends_in_zeros(const struct address *a, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++)
		if (a->bytes[i / 8] & (0x80 >> i % 8))
			return false;
	return true;
}

const char *network_parse(const char *text, struct network *ret)
{
	char first[ADDRESS_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	int64_t bits = 128;
	bool v4;

	if (n >= sizeof(first))
		return "no address, expected a network such as 192.0.2.0/24 or an address";
	memcpy(first, text, n);
	first[n] = 0;
	if (!address_read(first, &ret->first, &v4))
		return "no address, expected a network such as 192.0.2.0/24 or an address";
	if (slash && !parse_i64(slash + 1, 0, v4 ? 32 : 128, &bits))
		return "a prefix that is none, expected at most /32, of IPv6 /128";
	if (bits == 0)
		return "everybody, expected the network of the proxies alone";
	ret->bits = (unsigned)bits + (slash && v4 ? V4_BITS : 0);
	if (!ends_in_zeros(&ret->first, ret->bits))
		return "bits behind its prefix, expected the first address of a network";
	return NULL;
}

bool networks_hold(const struct networks *l, const struct address *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (same_prefix(&l->v[i].first, a, l->v[i].bits))
			return true;
	return false;
}

/* ---- X-Forwarded-For ---- */

/* "192.0.2.1:4711" and "[2001:db8::1]:4711" lose what is not the address. */
static void port_cut(char *text)
{
	char *end = strchr(text, ']'), *colon = strchr(text, ':');

	if (*text == '[' && end && (!end[1] || end[1] == ':')) {
		*end = 0;
		memmove(text, text + 1, (size_t)(end - text));
	} else if (colon && strchr(text, '.') && !strchr(colon + 1, ':')) {
		*colon = 0;
	}
}

static bool element_read(const char *from, const char *to, struct address *ret)
{
	char text[ADDRESS_TEXT_MAX + 8]; /* brackets and a port */
	bool v4;

	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (from < to && (to[-1] == ' ' || to[-1] == '\t'))
		to--;
	if ((size_t)(to - from) >= sizeof(text))
		return false;
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = 0;
	port_cut(text);
	return address_read(text, ret, &v4);
}

void address_forwarded(const struct networks *trusted, const char *text, struct address *a)
{
	const char *end = text + strlen(text);
	struct address before;

	while (networks_hold(trusted, a)) {
		const char *from = end;

		while (from > text && from[-1] != ',')
			from--;
		if (!element_read(from, end, &before))
			return;
		*a = before;
		if (from == text)
			return;
		end = from - 1;
	}
}
