/* What every serve on this store must agree on: a value a name, written by the first that comes. */
#ifndef COORDINATOR_STORE_POOL_FACT_H
#define COORDINATOR_STORE_POOL_FACT_H

#include "coordinator/store/store.h"

/* *ret: the caller's; NULL when nobody has said it yet. */
int store_fact(struct store *s, const char *name, char **ret, struct err *e) CHECK_RESULT;
/* Says it where nobody has; *ret, the caller's: what holds now. Writes once in a store's life. */
int store_fact_say(struct store *s, const char *name, const char *value, struct wall now,
	char **ret, struct err *e) CHECK_RESULT;

/* Says it whatever was said before; *ret, the caller's: what that was, or NULL. Writes where it
 * differs. */
int store_fact_change(struct store *s, const char *name, const char *value, struct wall now,
	char **ret, struct err *e) CHECK_RESULT;

#endif
