/*
 * GnuTLS keeps no copy of what the callback hands out, and a handshake may need the key again after
 * it has waited for the client. So a replaced identity is not freed before every handshake that may
 * have seen it is over: the headers of a first request have ten seconds, the handshake included.
 */
#include "coordinator/http/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"

#define RETIRED_US (60 * USEC_PER_SEC)
enum { KEY_ID_LEN = 32 };

struct tls_identity {
	gnutls_pcert_st chain[TLS_CHAIN_MAX];
	unsigned n_chain;
	gnutls_privkey_t key;
	struct wall begins, ends;
	struct mono retired;
	struct tls_identity *next; /* older one */
};

/* Then those that were replaced, newest first. Handshakes are on the connections' thread, which
 * reads no more than this pointer and what never changes behind it. */
static struct tls_identity *_Atomic in_use;

static void identity_destroy(struct tls_identity *t)
{
	for (unsigned i = 0; i < t->n_chain; i++)
		gnutls_pcert_deinit(&t->chain[i]);
	gnutls_privkey_deinit(t->key);
	free(t);
}

void tls_identity_free(struct tls_identity *t)
{
	if (t)
		identity_destroy(t);
}

static int tls_fail(struct err *e, const char *file, const char *what, int rc)
{
	return err_set(e, ERR_INPUT, "%s: %s: %s", file, what, gnutls_strerror(rc));
}

/* ---- loading ---- */

static int chain_load(struct tls_identity *t, const char *file, struct err *e)
{
	CLEAN_BUF struct buf pem = BUF_INIT(TLS_FILE_MAX);
	gnutls_x509_crt_t first = NULL;
	unsigned n = TLS_CHAIN_MAX;
	CLEAN_FD int fd = file_open_named(file, "the certificate", e);

	if (fd < 0)
		return -1;
	if (fd_read_all(fd, &pem, e) < 0)
		return err_wrap(e, "%s", file);
	gnutls_datum_t data = { (unsigned char *)(void *)pem.data, (unsigned)pem.len };
	int rc = gnutls_pcert_list_import_x509_raw(
		t->chain, &n, &data, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
	if (rc < 0)
		return tls_fail(e, file, "no certificate chain in PEM", rc);
	t->n_chain = n;
	rc = gnutls_pcert_export_x509(&t->chain[0], &first);
	if (rc < 0)
		return tls_fail(e, file, "certificate", rc);
	t->begins.us = gnutls_x509_crt_get_activation_time(first) * USEC_PER_SEC;
	t->ends.us = gnutls_x509_crt_get_expiration_time(first) * USEC_PER_SEC;
	gnutls_x509_crt_deinit(first);
	return 0;
}

static int key_load(struct tls_identity *t, const char *file, struct err *e)
{
	struct buf pem = BUF_INIT(TLS_FILE_MAX);
	int rc = file_read_private(file, "the private key", &pem, e);

	if (rc == 0) {
		gnutls_datum_t data = { (unsigned char *)(void *)pem.data, (unsigned)pem.len };

		rc = gnutls_privkey_import_x509_raw(t->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
		if (rc < 0)
			rc = tls_fail(e, file, "no private key in PEM without a password", rc);
	}
	buf_release_wipe(&pem);
	return rc;
}

static int key_id(gnutls_pubkey_t key, unsigned char out[KEY_ID_LEN])
{
	size_t n = KEY_ID_LEN;

	return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, out, &n);
}

static int key_matches(const struct tls_identity *t, const char *file, struct err *e)
{
	unsigned char of_cert[KEY_ID_LEN], of_key[KEY_ID_LEN];
	gnutls_pubkey_t pub;
	int rc = gnutls_pubkey_init(&pub);

	if (rc < 0)
		return tls_fail(e, file, "key", rc);
	rc = gnutls_pubkey_import_privkey(pub, t->key, 0, 0);
	if (rc >= 0)
		rc = key_id(pub, of_key);
	if (rc >= 0)
		rc = key_id(t->chain[0].pubkey, of_cert);
	gnutls_pubkey_deinit(pub);
	if (rc < 0)
		return tls_fail(e, file, "key", rc);
	if (memcmp(of_cert, of_key, KEY_ID_LEN) != 0)
		return err_set(e, ERR_INPUT, "%s: is the key of another certificate", file);
	return 0;
}

struct tls_identity *tls_identity_load(const char *cert_file, const char *key_file, struct err *e)
{
	CLEAN_TLS_IDENTITY struct tls_identity *t = xcalloc(1, sizeof(*t));

	if (gnutls_privkey_init(&t->key) < 0) {
		err_set(e, ERR_INTERNAL, "GnuTLS: out of memory");
		return NULL;
	}
	if (chain_load(t, cert_file, e) < 0 || key_load(t, key_file, e) < 0 ||
		key_matches(t, key_file, e) < 0)
		return NULL;
	return TAKE(t);
}

/* ---- what it says ---- */

struct wall tls_identity_begins(const struct tls_identity *t)
{
	return t->begins;
}

struct wall tls_identity_ends(const struct tls_identity *t)
{
	return t->ends;
}

int tls_identity_valid(const struct tls_identity *t, struct wall now, struct err *e)
{
	char text[WALL_TEXT_MAX];

	if (now.us < t->begins.us) {
		wall_format(t->begins, text);
		return err_set(e, ERR_INPUT, "the certificate is not valid before %s", text);
	}
	if (now.us >= t->ends.us) {
		wall_format(t->ends, text);
		return err_set(e, ERR_INPUT, "the certificate expired at %s", text);
	}
	return 0;
}

/* ---- in use ---- */

static void retired_free(bool all)
{
	struct mono now = mono_now();
	struct tls_identity *first = in_use, **link = first ? &first->next : &first;

	while (*link) {
		struct tls_identity *t = *link;

		if (!all && mono_diff(now, t->retired) < RETIRED_US) {
			link = &t->next;
			continue;
		}
		*link = t->next;
		identity_destroy(t);
	}
}

void tls_identity_use(struct tls_identity *t)
{
	struct tls_identity *old = in_use;

	if (old)
		old->retired = mono_now();
	if (t) {
		t->next = old;
		in_use = t;
	}
	retired_free(!t);
	if (!t && in_use) {
		identity_destroy(in_use);
		in_use = NULL;
	}
}

static int on_handshake(gnutls_session_t session UNUSED, const gnutls_datum_t *cas UNUSED,
	int n_cas UNUSED, const gnutls_pk_algorithm_t *algorithms UNUSED, int n_algorithms UNUSED,
	gnutls_pcert_st **chain, unsigned *n_chain, gnutls_privkey_t *key)
{
	struct tls_identity *t = in_use;

	if (!t)
		return -1;
	*chain = t->chain;
	*n_chain = t->n_chain;
	*key = t->key;
	return 0;
}

/* libmicrohttpd takes the function's address through its variable arguments. */
void *tls_retrieve_function(void)
{
	gnutls_certificate_retrieve_function2 *fn = on_handshake;
	void *p;

	memcpy(&p, &fn, sizeof(p));
	return p;
}
