/*
 * Checks of the [network] section: IPv4 ranges, bridge names, ports. As in config/runner_check.h:
 * NULL when the text is fine, else a constant that says what was expected; texts are normalised,
 * so that what later becomes part of a firewall script can only be what is named here. Pure.
 */
#ifndef CONFIG_NETWORK_CHECK_H
#define CONFIG_NETWORK_CHECK_H

#include "base/util.h"

/* IPv4, host byte order; address is the first of the range. */
struct ip_range {
	uint32_t address;
	unsigned bits;
};
enum { IP_RANGE_TEXT = 20 };
/* "172.30.0.0/24" or one address; false when malformed or with bits behind the prefix. */
bool ip_range_parse(const char *text, struct ip_range *ret) CHECK_RESULT;
/* One address without "/32". Returns out. */
const char *ip_range_text(struct ip_range r, char out[IP_RANGE_TEXT]);
bool ip_range_overlaps(struct ip_range a, struct ip_range b);

const char *check_subnet(char **text);        /* private, /16 to /29 */
const char *check_private_range(char **text); /* may be opened: neither loopback nor link-local */
const char *check_bridge(char **text);        /* a new interface's name */
const char *check_port(char **text);          /* 1 to 65535 without DNS */

#endif
