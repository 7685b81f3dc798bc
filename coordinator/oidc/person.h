/* Who somebody is at the provider, as its signed claims say. Pure. */
#ifndef COORDINATOR_OIDC_PERSON_H
#define COORDINATOR_OIDC_PERSON_H

#include "base/err.h"
#include "base/json.h"
#include "coordinator/oidc/settings.h"

enum { OIDC_SUBJECT_MAX = 255, OIDC_CLAIM_MAX = 320, OIDC_GROUPS_MAX = 2000 };

struct oidc_person {
	char *subject; /* never another's at this issuer, never changed */
	char *login;   /* of the login claim; NULL: it has none. May be any text, and change */
	char *email;   /* NULL: none, or it was not verified */
	struct strv groups;
	bool has_groups; /* there was such a claim */
};
void oidc_person_release(struct oidc_person *p);

/* Adds what an object of claims holds and p lacks. ERR_PROTO for a subject that is none, or another
 * one than p has. */
int oidc_person_read(struct oidc_person *p, const struct json_value *claims,
	const struct oidc_settings *s, struct err *e) CHECK_RESULT;
/* Nothing is missing that these settings need. */
bool oidc_person_complete(const struct oidc_person *p, const struct oidc_settings *s);
/* ERR_DENIED, with a text for that person, unless the settings let it in. */
int oidc_person_admitted(
	const struct oidc_person *p, const struct oidc_settings *s, struct err *e) CHECK_RESULT;

#endif
