/* Owned list of the numbers that a coordinator gives its jobs. Short, linear. */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include "base/util.h"

struct ids {
	int64_t *v;
	size_t n;
};
void ids_add(struct ids *s, int64_t id);
bool ids_contains(const struct ids *s, int64_t id);
void ids_release(struct ids *s);

#endif
