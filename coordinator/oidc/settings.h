/* How users of an OpenID Connect provider sign in: what the operator said (serve/sign_in.h). */
#ifndef COORDINATOR_OIDC_SETTINGS_H
#define COORDINATOR_OIDC_SETTINGS_H

#include "base/util.h"

struct oidc_settings {
	char *issuer;             /* as the provider writes it, byte for byte */
	char *name;               /* of the provider, for people */
	char *client_id, *secret; /* secret: wiped */
	char *redirect_uri;       /* of ours, as it is known to the provider */
	char *scopes;             /* with blanks between them */
	char *login_claim;        /* which claim says how a new user is called */
	char *groups_claim;
	struct strv groups;        /* who is in none of them stays out; empty: all come in */
	struct strv email_domains; /* likewise, of a verified address */
	bool create;               /* users that are not here yet are made */
	char *ca_file;             /* authority of the provider's certificate; NULL: the system's */
};
void oidc_settings_release(struct oidc_settings *s);

#endif
