/* A network of the configuration (the first line) and an X-Forwarded-For: whom the walk names is
 * the proxy itself or stands in the text, and a network that was taken holds its first address. */
#include <arpa/inet.h>

#include "coordinator/http/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_caller(const struct networks *trusted, const char *text)
{
	const struct address proxy = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 } };
	struct address a = proxy;
	char name[ADDRESS_TEXT_MAX];
	struct address again;

	address_forwarded(trusted, text, &a);
	address_format(&a, name);
	bool v4 = strchr(name, ':') == NULL;
	memset(&again, 0, sizeof(again));
	memset(again.bytes + 10, v4 ? 0xff : 0, 2);
	if (inet_pton(v4 ? AF_INET : AF_INET6, name, again.bytes + (v4 ? 12 : 0)) != 1 ||
		memcmp(&again, &a, sizeof(a)) != 0)
		abort();
	if (!networks_hold(trusted, &proxy) && memcmp(&a, &proxy, sizeof(a)) != 0)
		abort(); /* a stranger was believed */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *text = xmemdup0(data, size);
	char *rest = strchr(text, '\n');
	struct network n[2];
	struct networks trusted = { n, 1 };

	if (network_parse("10.0.0.0/8", &n[0]))
		abort();
	if (rest)
		*rest++ = 0;
	if (rest && !network_parse(text, &n[1])) {
		trusted.n = 2;
		if (!n[1].bits || n[1].bits > 128 ||
			!networks_hold(&(struct networks){ n + 1, 1 }, &n[1].first))
			abort();
	}
	check_caller(&trusted, rest ? rest : text);
	check_caller(&(struct networks){ n + 1, trusted.n - 1 }, rest ? rest : text);
	return 0;
}
