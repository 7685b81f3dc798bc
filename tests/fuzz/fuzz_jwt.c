/* Job tokens: the input is tried as a token, and as the claims of a rightly signed one. */
#include "coordinator/app/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct keys k = { .jwt = "a key", .seal = "another" };
	struct jwt_claims c;
	struct buf t = BUF_INIT(8192);
	unsigned char mac[32];
	unsigned n = 0;
	CLEAN_STR char *text = xmemdup0(data, size);

	IGNORE_RESULT(jwt_verify(&k, text, PURPOSE_API, (struct wall){ 0 }, &c, NULL),
		"any result will do");
	buf_adds(&t, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.");
	base64url_encode(&t, data, size < 4096 ? size : 4096);
	HMAC(EVP_sha256(), k.jwt, KEY_LEN, (unsigned char *)t.data, t.len, mac, &n);
	buf_addc(&t, '.');
	base64url_encode(&t, mac, n);
	IGNORE_RESULT(jwt_verify(&k, buf_cstr(&t), PURPOSE_API, (struct wall){ 0 }, &c, NULL),
		"any result will do");
	buf_release(&t);
	return 0;
}
