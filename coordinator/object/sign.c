/*
 * The server makes the canonical request anew from what it got and compares signatures, so every
 * byte counts: fields are encoded before they are ordered, and each has its "=".
 */
#include "coordinator/object/sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/codec.h"
#include "base/limits.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
enum { TEXT_MAX = KIB(32), STAMP_MAX = 17, DAY_LEN = 8 };

void sign_keys_release(struct sign_keys *k)
{
	free_charp(&k->id);
	wipe_free(TAKE(k->secret));
	wipe_free(TAKE(k->token));
}

/* ---- queries ---- */

void sign_encode(struct buf *out, const char *text, bool slashes)
{
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || strchr("-._~", c) || (slashes && c == '/');

		if (plain)
			buf_addc(out, *p);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name\1value": a name that begins another one stands before it, whatever follows. */
static char *pair_of(const struct sign_field *f)
{
	size_t most = 3 * (strlen(f->name) + strlen(f->value)) + 2; /* all of it encoded */
	CLEAN_BUF struct buf pair = BUF_INIT(most);

	sign_encode(&pair, f->name, false);
	buf_addc(&pair, '\1');
	sign_encode(&pair, f->value, false);
	return xstrdup(buf_cstr(&pair));
}

void sign_query(struct buf *out, const struct sign_field *v, size_t n)
{
	CLEANUP(strv_release) struct strv pairs = { 0 };

	for (size_t i = 0; i < n; i++)
		strv_add_take(&pairs, pair_of(&v[i]));
	if (n)
		qsort(pairs.v, pairs.n, sizeof(*pairs.v), text_order);
	strv_each (pair, &pairs) {
		*strchr(pair, '\1') = '=';
		buf_addf(out, "%s%s", pair == pairs.v[0] ? "" : "&", pair);
	}
}

/* ---- what is signed ---- */

struct signing {
	const struct sign_keys *keys;
	const struct sign_request *request;
	char stamp[STAMP_MAX]; /* 20130524T000000Z */
	struct buf query, headers, names;
	char *scope; /* 20130524/us-east-1/s3/aws4_request */
};

static void signing_release(struct signing *s)
{
	buf_release_wipe(&s->query);
	buf_release_wipe(&s->headers);
	buf_release(&s->names);
	free(s->scope);
}

static void hmac(const void *key, size_t n, const char *text, unsigned char out[SHA256_LEN])
{
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text, strlen(text), out,
		    &len) ||
		len != SHA256_LEN)
		BUG("HMAC-SHA256 failed");
}

static int field_order(const void *a, const void *b)
{
	const struct sign_field *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void headers_write(struct signing *s)
{
	const struct sign_request *r = s->request;
	struct sign_field all[SIGN_FIELDS_MAX + 1];
	size_t n = r->n_headers;

	if (n)
		memcpy(all, r->headers, n * sizeof(*all));
	all[n++] = (struct sign_field){ "host", strstr(r->origin, "//") + 2 };
	qsort(all, n, sizeof(*all), field_order);
	for (size_t i = 0; i < n; i++) {
		buf_addf(&s->headers, "%s:%s\n", all[i].name, all[i].value);
		buf_addf(&s->names, "%s%s", i ? ";" : "", all[i].name);
	}
}

static void query_write(struct signing *s)
{
	const struct sign_request *r = s->request;
	CLEAN_STR char *credential = xasprintf("%s/%s", s->keys->id, s->scope);
	CLEAN_STR char *expires = xasprintf("%" PRId64, r->lifetime_s);
	struct sign_field all[SIGN_FIELDS_MAX + 6];
	size_t n = r->n_query;

	if (n)
		memcpy(all, r->query, n * sizeof(*all));
	all[n++] = (struct sign_field){ "X-Amz-Algorithm", ALGORITHM };
	all[n++] = (struct sign_field){ "X-Amz-Credential", credential };
	all[n++] = (struct sign_field){ "X-Amz-Date", s->stamp };
	all[n++] = (struct sign_field){ "X-Amz-Expires", expires };
	all[n++] = (struct sign_field){ "X-Amz-SignedHeaders", buf_cstr(&s->names) };
	if (s->keys->token)
		all[n++] = (struct sign_field){ "X-Amz-Security-Token", s->keys->token };
	sign_query(&s->query, all, n);
}

static void text_hash(const struct buf *text, char hex[SHA256_HEX_MAX])
{
	unsigned char sha[SHA256_LEN];

	sha256(buf_cstr(text), text->len, sha);
	hex_encode(sha, sizeof(sha), hex);
}

static void request_hash(const struct signing *s, char hex[SHA256_HEX_MAX])
{
	const struct sign_request *r = s->request;

	struct buf text CLEANUP(buf_release_wipe) = BUF_INIT(4 * TEXT_MAX);
	buf_addf(&text, "%s\n%s\n%s\n%s\n%s\n%s", r->method, r->path, buf_cstr(&s->query),
		buf_cstr(&s->headers), buf_cstr(&s->names),
		r->payload ? r->payload : "UNSIGNED-PAYLOAD");
	text_hash(&text, hex);
}

static void signature(const struct signing *s, char hex[SHA256_HEX_MAX])
{
	const struct sign_request *r = s->request;
	char request[SHA256_HEX_MAX], day[DAY_LEN + 1];
	unsigned char key[SHA256_LEN];

	char *first CLEAN_SECRET = xasprintf("AWS4%s", s->keys->secret);
	request_hash(s, request);
	CLEAN_STR char *text = xasprintf(ALGORITHM "\n%s\n%s\n%s", s->stamp, s->scope, request);
	memcpy(day, s->stamp, DAY_LEN);
	day[DAY_LEN] = 0;
	hmac(first, strlen(first), day, key);
	hmac(key, sizeof(key), r->region, key);
	hmac(key, sizeof(key), r->service, key);
	hmac(key, sizeof(key), "aws4_request", key);
	hmac(key, sizeof(key), text, key);
	hex_encode(key, sizeof(key), hex);
	wipe(key, sizeof(key));
}

static void stamp_write(struct signing *s)
{
	time_t seconds = (time_t)(s->request->at.us / USEC_PER_SEC);
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
		strftime(s->stamp, sizeof(s->stamp), "%Y%m%dT%H%M%SZ", &tm) != STAMP_MAX - 1)
		BUG("no date");
	s->scope = xasprintf("%.*s/%s/%s/aws4_request", DAY_LEN, s->stamp, s->request->region,
		s->request->service);
}

int sign_url(const struct sign_keys *k, const struct sign_request *r, char **ret, struct err *e)
{
	CLEANUP(signing_release)
	struct signing s = { .keys = k,
		.request = r,
		.query = BUF_INIT(TEXT_MAX),
		.headers = BUF_INIT(TEXT_MAX),
		.names = BUF_INIT(TEXT_MAX) };
	char hex[SHA256_HEX_MAX];

	if (r->n_query > SIGN_FIELDS_MAX || r->n_headers > SIGN_FIELDS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d fields to sign", SIGN_FIELDS_MAX);
	stamp_write(&s);
	headers_write(&s);
	query_write(&s);
	if (!buf_ok(&s.query) || !buf_ok(&s.headers) || !buf_ok(&s.names))
		return err_set(e, ERR_LIMIT, "more than %d bytes to sign", TEXT_MAX);
	signature(&s, hex);
	*ret = xasprintf("%s%s?%s&X-Amz-Signature=%s", r->origin, r->path, buf_cstr(&s.query), hex);
	return 0;
}
