/*
 * Keys from one root, each for one purpose, so that a token can never be taken for the signature
 * of a URL. Sealing binds a value to its place (the context is authenticated): a row of the store
 * that is copied to another place does not open there.
 */
#include "coordinator/app/keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/codec.h"
#include "base/fs.h"

enum { ROOT_MIN = 16, ROOT_MAX = 64, NONCE_LEN = 12, TAG_LEN = 16 };

static int derive_key(
	const void *root, size_t n, const char *label, unsigned char out[KEY_LEN], struct err *e)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)root, n),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, (void *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int ok = ctx && EVP_KDF_derive(ctx, out, KEY_LEN, params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? 0 : err_set(e, ERR_INTERNAL, "HKDF-SHA256 failed");
}

int keys_derive(struct keys *k, const void *root, size_t n, struct err *e)
{
	if (n < ROOT_MIN || n > ROOT_MAX)
		return err_set(e, ERR_INPUT, "root key has %zu bytes, expected %d to %d", n,
			ROOT_MIN, ROOT_MAX);
	if (derive_key(root, n, "actions-runner-jwt-v1", k->jwt, e) < 0 ||
		derive_key(root, n, "object-url-v1", k->object, e) < 0 ||
		derive_key(root, n, "value-digest-v1", k->digest, e) < 0 ||
		derive_key(root, n, "oidc-flow-v1", k->flow, e) < 0 ||
		derive_key(root, n, "root-key-print-v1", k->print, e) < 0)
		return -1;
	return derive_key(root, n, "store-seal-v1", k->seal, e);
}

static int keys_from_text(struct keys *k, const char *b64, struct err *e)
{
	struct buf root = BUF_INIT(ROOT_MAX);
	int rc = base64_decode(&root, b64, strlen(b64), e);

	if (rc == 0)
		rc = keys_derive(k, buf_slice(&root).ptr, root.len, e);
	buf_release_wipe(&root);
	return rc < 0 ? err_wrap(e, "root key") : 0;
}

static int root_make(const char *path, struct err *e)
{
	unsigned char root[KEY_LEN];
	struct buf text = BUF_INIT(128);

	random_bytes(root, sizeof(root));
	base64_encode(&text, root, sizeof(root));
	buf_addc(&text, '\n');
	int rc = file_replace(path, buf_cstr(&text), text.len, 0600, e);
	wipe(root, sizeof(root));
	buf_release_wipe(&text);
	return rc;
}

static int keys_from_file(struct keys *k, const char *path, struct err *e)
{
	struct buf text = BUF_INIT(256);
	struct err why = { 0 };
	int rc = file_read(path, &text, &why);

	if (rc < 0 && err_is(&why, ERR_NOT_FOUND)) {
		err_clear(&why);
		rc = root_make(path, &why);
		if (rc == 0)
			rc = file_read(path, &text, &why);
	}
	if (rc < 0) {
		err_set(e, why.class, "%s", why.text);
	} else {
		while (text.len && text.data[text.len - 1] == '\n')
			text.data[--text.len] = 0;
		rc = keys_from_text(k, buf_cstr(&text), e);
	}
	buf_release_wipe(&text);
	return rc < 0 ? err_wrap(e, "%s", path) : 0;
}

int keys_load(struct keys *k, const char *b64, const char *data_dir, struct err *e)
{
	if (b64)
		return keys_from_text(k, b64, e);
	CLEAN_STR char *path = path_join(data_dir, "root.key");
	return keys_from_file(k, path, e);
}

void keys_wipe(struct keys *k)
{
	wipe(k, sizeof(*k));
}

int keys_digest(
	const struct keys *k, const void *p, size_t n, unsigned char out[KEY_LEN], struct err *e)
{
	unsigned int len = 0;

	if (!HMAC(EVP_sha256(), k->digest, KEY_LEN, p, n, out, &len) || len != KEY_LEN)
		return err_set(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	return 0;
}

/* ---- sealing: AES-256-GCM ---- */

static void cipher_freep(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}
#define CLEAN_CIPHER CLEANUP(cipher_freep)

int seal(const struct keys *k, const char *context, const void *p, size_t n, struct buf *out,
	struct err *e)
{
	CLEAN_CIPHER EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	unsigned char *o = (unsigned char *)buf_reserve(out, NONCE_LEN + n + TAG_LEN);
	if (!o || n > INT32_MAX - 64)
		return err_set(e, ERR_LIMIT, "value is too large to seal");
	random_bytes(o, NONCE_LEN);
	int len = 0, last = 0;
	int ok = c && EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), k->seal, o, NULL) > 0 &&
		 EVP_EncryptUpdate(
			 c, NULL, &len, (const unsigned char *)context, (int)strlen(context)) > 0 &&
		 EVP_EncryptUpdate(c, o + NONCE_LEN, &len, p, (int)n) > 0 &&
		 EVP_EncryptFinal_ex(c, o + NONCE_LEN + len, &last) > 0 &&
		 EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, o + NONCE_LEN + n) > 0;
	if (!ok)
		return err_set(e, ERR_INTERNAL, "sealing failed");
	buf_commit(out, NONCE_LEN + n + TAG_LEN);
	return 0;
}

int unseal(const struct keys *k, const char *context, const void *p, size_t n, struct buf *out,
	struct err *e)
{
	CLEAN_CIPHER EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	if (n < NONCE_LEN + TAG_LEN || n > INT32_MAX - 64)
		return err_set(e, ERR_INTERNAL, "sealed value has an impossible length");
	const unsigned char *in = p;
	size_t len = n - NONCE_LEN - TAG_LEN;
	unsigned char *o = (unsigned char *)buf_reserve(out, len + 1);
	if (!o)
		return err_set(e, ERR_LIMIT, "sealed value is too large");
	int done = 0, last = 0;
	int ok = c && EVP_DecryptInit_ex2(c, EVP_aes_256_gcm(), k->seal, in, NULL) > 0 &&
		 EVP_DecryptUpdate(c, NULL, &done, (const unsigned char *)context,
			 (int)strlen(context)) > 0 &&
		 EVP_DecryptUpdate(c, o, &done, in + NONCE_LEN, (int)len) > 0 &&
		 EVP_CIPHER_CTX_ctrl(
			 c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, (void *)(in + NONCE_LEN + len)) > 0 &&
		 EVP_DecryptFinal_ex(c, o + done, &last) > 0;
	if (!ok)
		return err_set(
			e, ERR_INTERNAL, "sealed value does not open: made with another root key?");
	buf_commit(out, len);
	return 0;
}
