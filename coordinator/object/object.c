/*
 * Whether a signature is right is compared in constant time and said in one error for all cases, as
 * a caller learns nothing from how it was wrong.
 */
#include "coordinator/object/object.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { MAC_LEN = 32 };

char *object_key(int64_t run_id, const char *name)
{
	return xasprintf("actions/runs/%" PRId64 "/artifacts/%s", run_id, name);
}

static int grant_mac(const struct keys *k, const struct object_grant *g, unsigned char out[MAC_LEN],
	struct err *e)
{
	CLEAN_STR char *key = object_key(g->run_id, g->name);
	CLEAN_STR char *text = xasprintf("%s\n%s\n%" PRId64 "\n%" PRId64 "\n%" PRId64, g->method,
		key, g->artifact_id, g->expires_at.us / USEC_PER_SEC, g->size);
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), k->object, KEY_LEN, (const unsigned char *)text, strlen(text), out,
		    &len) ||
		len != MAC_LEN)
		return err_set(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	return 0;
}

int object_url(const struct keys *k, const char *base, const struct object_grant *g, char **ret,
	struct err *e)
{
	CLEAN_STR char *key = object_key(g->run_id, g->name);
	unsigned char mac[MAC_LEN];
	char hex[2 * MAC_LEN + 1];

	if (grant_mac(k, g, mac, e) < 0)
		return -1;
	hex_encode(mac, sizeof(mac), hex);
	*ret = xasprintf("%s/objects/%s?id=%" PRId64 "&expires=%" PRId64 "&size=%" PRId64
			 "&signature=%s",
		base, key, g->artifact_id, g->expires_at.us / USEC_PER_SEC, g->size, hex);
	return 0;
}

int object_grant_check(const struct keys *k, const struct object_grant *g, const char *signature,
	struct wall now, struct err *e)
{
	unsigned char mac[MAC_LEN], given[MAC_LEN];

	if (grant_mac(k, g, mac, e) < 0)
		return -1;
	if (!signature || hex_decode(signature, given, sizeof(given)) < 0 ||
		CRYPTO_memcmp(mac, given, MAC_LEN) != 0 || g->expires_at.us <= now.us)
		return err_set(e, ERR_AUTH, "the signature is wrong or has expired");
	return 0;
}
