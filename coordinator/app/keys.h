/*
 * The coordinator's keys: all derived by HKDF-SHA256 from one root key, each with its own label.
 *   actions-runner-jwt-v1  signs job and checkout tokens
 *   store-seal-v1          AES-256-GCM over secrets and stored answers in the store
 *   object-url-v1          signs the URLs of objects (object.h)
 *   value-digest-v1        says whether two secrets are the same without telling what they are
 *   oidc-flow-v1           binds the answer of a sign-in to the browser that began it (flow.h)
 *   root-key-print-v1      is compared with the store's, so that another root key is found out
 * The root key comes from auth.totp_key_b64 or SHITHUB_TOTP_KEY (base64, 16..64 bytes), else from
 * <data>/root.key, which is made once (0600).
 */
#ifndef COORDINATOR_APP_KEYS_H
#define COORDINATOR_APP_KEYS_H

#include "base/buf.h"
#include "base/err.h"

enum { KEY_LEN = 32 };
struct keys {
	unsigned char jwt[KEY_LEN];
	unsigned char seal[KEY_LEN];
	unsigned char object[KEY_LEN];
	unsigned char digest[KEY_LEN];
	unsigned char flow[KEY_LEN];
	unsigned char print[KEY_LEN]; /* opens nothing: may be shown */
};
/* b64 NULL: the file below data_dir (created when missing). */
int keys_load(struct keys *k, const char *b64, const char *data_dir, struct err *e) CHECK_RESULT;
int keys_derive(struct keys *k, const void *root, size_t n, struct err *e) CHECK_RESULT;
void keys_wipe(struct keys *k);

/* out = nonce (12) || ciphertext || tag (16). The context (such as "secret:7:NAME") is
 * authenticated, so that a sealed value cannot be moved to another place. */
int seal(const struct keys *k, const char *context, const void *p, size_t n, struct buf *out,
	struct err *e) CHECK_RESULT;
int unseal(const struct keys *k, const char *context, const void *p, size_t n, struct buf *out,
	struct err *e) CHECK_RESULT;

/* Of a secret text: whoever knows the digest but not the key cannot try texts against it. */
int keys_digest(const struct keys *k, const void *p, size_t n, unsigned char out[KEY_LEN],
	struct err *e) CHECK_RESULT;

#endif
