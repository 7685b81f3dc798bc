/*
 * What the server shows to prove who it is: a certificate with its chain, and the private key.
 *
 * There is one in use per process, as libmicrohttpd's callback gets nothing of ours. It is asked at
 * each handshake, so another one can take its place while connections go on. One that was replaced
 * is kept for as long as a handshake may take.
 */
#ifndef COORDINATOR_HTTP_TLS_H
#define COORDINATOR_HTTP_TLS_H

#include "base/clock.h"
#include "base/err.h"

/* TLS 1.2 and 1.3 with whatever the system's policy allows of them. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
enum { TLS_CHAIN_MAX = 16 };
#define TLS_FILE_MAX KIB(256)

struct tls_identity;

/* PEM files: the server's certificate first, then those that lead to its CA; the key without a
 * password. ERR_INPUT (ERR_NOT_FOUND, ERR_IO for a file that cannot be read) with the file's name:
 * not PEM, a key of another certificate, a key file that others than owner and group may read. */
struct tls_identity *tls_identity_load(
	const char *cert_file, const char *key_file, struct err *e) CHECK_RESULT;
void tls_identity_free(struct tls_identity *t); /* one that is not in use. NULL fine */
static inline void tls_identity_freep(struct tls_identity **t)
{
	tls_identity_free(*t);
	*t = NULL;
}
#define CLEAN_TLS_IDENTITY CLEANUP(tls_identity_freep)

/* When the server's certificate begins and ends to be valid. */
struct wall tls_identity_begins(const struct tls_identity *t);
struct wall tls_identity_ends(const struct tls_identity *t);
/* ERR_INPUT when it is not valid at that time: says since or from when. */
int tls_identity_valid(const struct tls_identity *t, struct wall now, struct err *e) CHECK_RESULT;

/* From the next handshake on; takes t over. NULL at the end of the server. */
void tls_identity_use(struct tls_identity *t);

/* gnutls_certificate_retrieve_function2, for libmicrohttpd. */
void *tls_retrieve_function(void);

#endif
