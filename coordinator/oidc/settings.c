/* Owned texts, the client's secret among them. */
#include "coordinator/oidc/settings.h"

void oidc_settings_release(struct oidc_settings *s)
{
	free(s->issuer);
	free(s->name);
	free(s->client_id);
	wipe_free(s->secret);
	free(s->redirect_uri);
	free(s->scopes);
	free(s->login_claim);
	free(s->groups_claim);
	strv_release(&s->groups);
	strv_release(&s->email_domains);
	free(s->ca_file);
	*s = (struct oidc_settings){ 0 };
}
