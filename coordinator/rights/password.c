/*
 * scrypt of OpenSSL with 32 MiB and about a tenth of a second for each try. The cost stands in the
 * digest, so that a later version may raise it.
 */
#include "coordinator/rights/password.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"

enum { SALT_LEN = 16, DERIVED_LEN = 32, COST_LOG = 15, BLOCK = 8, LANES = 1 };

/* No password derives this: a name that is not known takes as long as one that is. */
#define NOBODY                                            \
	"scrypt:15:8:1:00000000000000000000000000000000:" \
	"0000000000000000000000000000000000000000000000000000000000000000"

static bool derive(
	const char *text, const unsigned char salt[SALT_LEN], unsigned char out[DERIVED_LEN])
{
	return EVP_PBE_scrypt(text, strlen(text), salt, SALT_LEN, UINT64_C(1) << COST_LOG, BLOCK,
		       LANES, MIB(64), out, DERIVED_LEN) == 1;
}

int password_digest(const char *text, char out[PASSWORD_DIGEST_MAX], struct err *e)
{
	unsigned char salt[SALT_LEN], key[DERIVED_LEN];
	char salt_hex[2 * SALT_LEN + 1], key_hex[2 * DERIVED_LEN + 1];
	size_t n = strlen(text);

	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		return err_set(e, ERR_INPUT, "password: expected %d to %d bytes", PASSWORD_MIN,
			PASSWORD_MAX);
	random_bytes(salt, sizeof(salt));
	if (!derive(text, salt, key))
		return err_set(e, ERR_INTERNAL, "scrypt failed");
	hex_encode(salt, sizeof(salt), salt_hex);
	hex_encode(key, sizeof(key), key_hex);
	snprintf(out, PASSWORD_DIGEST_MAX, "scrypt:%d:%d:%d:%s:%s", COST_LOG, BLOCK, LANES,
		salt_hex, key_hex);
	wipe(key, sizeof(key));
	return 0;
}

static bool parts_read(
	const char *digest, unsigned char salt[SALT_LEN], unsigned char key[DERIVED_LEN])
{
	char head[32];
	size_t n = (size_t)snprintf(head, sizeof(head), "scrypt:%d:%d:%d:", COST_LOG, BLOCK, LANES);

	if (!digest || !str_starts(digest, head) || strlen(digest) < n + 2 * SALT_LEN + 1)
		return false;
	CLEAN_STR char *salt_hex = xstrndup(digest + n, 2 * SALT_LEN);
	const char *rest = digest + n + 2 * SALT_LEN;
	return *rest == ':' && hex_decode(salt_hex, salt, SALT_LEN) == 0 &&
	       hex_decode(rest + 1, key, DERIVED_LEN) == 0;
}

bool password_fits(const char *digest, const char *text)
{
	unsigned char salt[SALT_LEN], want[DERIVED_LEN], key[DERIVED_LEN];
	bool known = parts_read(digest, salt, want);

	if (!known && !parts_read(NOBODY, salt, want))
		BUG("the digest of nobody is broken");
	bool fits = strlen(text) <= PASSWORD_MAX && derive(text, salt, key) &&
		    CRYPTO_memcmp(key, want, DERIVED_LEN) == 0 && known;
	wipe(key, sizeof(key));
	return fits;
}
