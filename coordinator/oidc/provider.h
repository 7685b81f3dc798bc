/*
 * What a provider says about itself in its discovery document (OpenID Connect Discovery 1.0). Pure:
 * bytes in, a struct out.
 */
#ifndef COORDINATOR_OIDC_PROVIDER_H
#define COORDINATOR_OIDC_PROVIDER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

#define OIDC_ANSWER_MAX KIB(256) /* of each answer of a provider */
enum { OIDC_URL_MAX = 2000 };

struct oidc_provider {
	char *authorization, *token, *keys; /* endpoints */
	char *userinfo;                     /* NULL: none */
	bool says_iss;    /* its answers name it (RFC 9207), so one that does not is refused */
	bool secret_form; /* takes the client's secret in the form alone, not by HTTP Basic */
};
void oidc_provider_release(struct oidc_provider *p);
#define CLEAN_OIDC_PROVIDER CLEANUP(oidc_provider_release)

/* issuer: of the settings; the document must say the same, byte for byte. ERR_PROTO, naming the
 * field. *ret is the caller's to release, also after an error. */
int oidc_provider_parse(const char *text, size_t n, const char *issuer, struct oidc_provider *ret,
	struct err *e) CHECK_RESULT;

/* https://…, and http://… on this machine, in plain characters, without credentials and fragment.
 * NULL when it is one, else what is wrong and what is expected. */
const char *oidc_url_problem(const char *url);
bool oidc_is_https(const char *url);
/* An error of OAuth, or a word that looks like one: what a provider or a browser sent is fit for
 * the log. */
bool oidc_is_error_word(const char *text);

#endif
