/* What a check tests: one row for each, from plan, host and neighbour. Pure but for the
 * texts it makes. */
#ifndef NETWORK_CHECK_ROWS_H
#define NETWORK_CHECK_ROWS_H

#include "network/check.h"
#include "network/host_ports.h"

enum { CHECK_NEIGHBOUR_PORT = 8080 }; /* below 1024 is for root in some engines */
#define CHECK_DIRECT "direct address"

/* The probes of all rows in their order; how many. ret NULL: only counted. */
size_t check_probes(const struct check_report *r, struct strv *ret);

void check_rows_add(struct check_report *r, const struct check_spec *s,
	const struct host_ports *host, const char *neighbour);
/* A row whose verdict is known. */
void check_row_known(struct check_report *r, const char *name, const char *what,
	enum check_verdict verdict, const char *detail);
/* The name and port of the row "allowed name", NULL when there is no exact one. */
const char *check_allowed_name(const struct check_spec *s);

#endif
