/* What a provider sends, and what a browser brings back: the input as each of these. */
#include "coordinator/oidc/flow.h"
#include "coordinator/oidc/id_token.h"
#include "coordinator/oidc/person.h"

#define KEYS                                                     \
	"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"    \
	"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":" \
	"\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct oidc_settings s = { .issuer = (char *)"https://id.example",
		.login_claim = (char *)"name",
		.groups_claim = (char *)"groups" };
	const struct id_token_wanted w = { "https://id.example", "c", "n", { 0 } };
	CLEANUP(oidc_keys_release) struct oidc_keys keys = { 0 }, own = { 0 };
	CLEANUP(oidc_person_release) struct oidc_person person = { 0 };
	CLEAN_OIDC_PROVIDER struct oidc_provider p = { 0 };
	CLEAN_STR char *text = xmemdup0(data, size);
	CLEAN_JSON struct json_doc *doc = json_parse(text, size, NULL, NULL), *claims = NULL;
	struct oidc_flow f;
	struct err e = { 0 };

	IGNORE_RESULT(oidc_provider_parse(text, size, s.issuer, &p, &e), "any result will do");
	IGNORE_RESULT(oidc_keys_parse(text, size, &keys, &e), "any result will do");
	IGNORE_RESULT(oidc_flow_resume(
			      &f, (const unsigned char *)KEYS, text, text, (struct wall){ 0 }, &e),
		"any result will do");
	if (oidc_keys_parse(KEYS, strlen(KEYS), &own, &e) < 0)
		BUG("%s", e.text);
	IGNORE_RESULT(id_token_check(text, size, &own, &w, &claims, &e), "any result will do");
	if (doc && id_token_claims(json_root(doc), &w, &e) == 0)
		IGNORE_RESULT(oidc_person_read(&person, json_root(doc), &s, &e), "likewise");
	return 0;
}
