/* The bytes that an engine could give back, added up as its own command line does. Pure; of
 * inventory.c. */
#ifndef HYGIENE_HOST_INVENTORY_BYTES_H
#define HYGIENE_HOST_INVENTORY_BYTES_H

#include "hygiene/host/inventory.h"

/* The list behind key (NULL: v itself); NULL for an empty one, -1 when there is none. */
int inventory_list(const struct json_value *v, const char *key, const struct json_value **ret,
	struct err *e) CHECK_RESULT;
int inventory_measure(
	struct inventory *inv, const struct inventory_source *from, struct err *e) CHECK_RESULT;

#endif
