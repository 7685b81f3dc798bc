/* Which user of ours somebody is whom the provider vouches for. */
#ifndef COORDINATOR_PAGES_ARRIVAL_H
#define COORDINATOR_PAGES_ARRIVAL_H

#include "coordinator/app/app.h"
#include "coordinator/oidc/person.h"

enum arrival {
	ARRIVAL_USER,
	ARRIVAL_DISABLED,
	ARRIVAL_UNKNOWN,    /* nobody is linked to this subject */
	ARRIVAL_NAME_TAKEN, /* a user would be made, but its name is another's */
	ARRIVAL_NAME_BAD,   /* or cannot be one */
};
struct arrived {
	enum arrival what;
	int64_t user_id, identity; /* of ARRIVAL_USER */
};
/* Makes and binds users as the settings say, each with an entry of the audit. -1: the store. */
int arrival_find(struct app *a, const struct oidc_settings *s, const struct oidc_person *p,
	struct arrived *ret, struct err *e) CHECK_RESULT;

#endif
