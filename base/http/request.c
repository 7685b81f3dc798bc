/*
 * A request into curl options: checked first, because a line break in a header or a token would
 * become another header, and copied, so the caller may forget it. Copies of secrets are wiped.
 */
#include "base/http/private.h"

#include "base/codec.h"
#include "base/limits.h"

enum { CONNECT_TIMEOUT_US = 10 * 1000000, STREAM_BUFFER = 128 << 10, UPLOAD_BUFFER = 256 << 10 };
/* curl's own buffer, and the largest one for a body in memory */
enum { UPLOAD_USUAL = 64 << 10, UPLOAD_MAX = 1 << 20 };

static const struct {
	const char *name;
	bool idempotent; /* RFC 9110 9.2.2 */
} METHODS[] = {
	{ "GET", true },
	{ "HEAD", true },
	{ "PUT", true },
	{ "DELETE", true },
	{ "OPTIONS", true },
	{ "POST", false },
	{ "PATCH", false },
};

static void add_header(struct http_exchange *x, const char *line)
{
	struct curl_slist *list = curl_slist_append(x->headers, line);

	if (!list)
		BUG("out of memory");
	x->headers = list;
}

static int add_basic(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	struct buf pair CLEANUP(buf_release_wipe) = BUF_INIT(2 * LIMIT_TOKEN);
	struct buf line CLEANUP(buf_release_wipe) = BUF_INIT(4 * LIMIT_TOKEN);

	if (strchr(r->user, ':') || !http_is_clean(r->user))
		return err_set(e, ERR_INPUT, "request user: colon or control character");
	/* at their full size first: a buffer that grows leaves copies behind */
	if (!buf_reserve(&pair, pair.max) || !buf_reserve(&line, line.max))
		BUG("buffer refuses its own maximum");
	buf_adds(&pair, r->user);
	buf_addc(&pair, ':');
	buf_adds(&pair, r->password ? r->password : "");
	buf_adds(&line, "Authorization: Basic ");
	if (!buf_ok(&pair) || base64_encode(&line, pair.data, pair.len) < 0 || !buf_ok(&line))
		return err_set(e, ERR_LIMIT, "request password: longer than %zu bytes",
			(size_t)LIMIT_TOKEN);
	add_header(x, line.data);
	return 0;
}

static int add_bearer(struct http_exchange *x, const char *token, struct err *e)
{
	if (!*token || !http_is_clean(token) || strchr(token, ' '))
		return err_set(e, ERR_INPUT, "request token: empty, blank or control character");
	char *line CLEAN_SECRET = xasprintf("Authorization: Bearer %s", token);
	add_header(x, line);
	return 0;
}

static int check_header(const char *line, struct err *e)
{
	const char *colon = strchr(line, ':');

	char *name CLEAN_STR = xstrndup(line, colon ? (size_t)(colon - line) : 0);

	/* only the name goes into the error: values may be secret */
	if (!http_is_token(name) || !http_is_clean(line))
		return err_set(
			e, ERR_INPUT, "request header \"%s\": expected \"Name: value\"", name);
	return 0;
}

/* curl 7.88 signs a header that it was told to take away, as an empty one, which no server finds.
 * So a signed request without a body is left without, and one with a body may be sent with
 * "Expect: 100-continue", which its server knows. */
static int add_own(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	const char *type = r->content_type ? r->content_type : "application/json";
	bool sends = r->body || r->body_fd;
	/* a name without a value takes away what curl would add by itself */
	char *line CLEAN_STR =
		sends ? xasprintf("Content-Type: %s", type) : xstrdup("Content-Type:");

	if (!http_is_clean(line))
		return err_set(e, ERR_INPUT, "request content type: control character");
	if (sends || !r->sigv4)
		add_header(x, line);
	if (!r->sigv4)
		add_header(x, "Expect:");
	return 0;
}

static int add_signature(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	if (!r->sigv4)
		return 0;
	if (curl_easy_setopt(x->easy, CURLOPT_AWS_SIGV4, r->sigv4) != CURLE_OK)
		return err_set(e, ERR_INTERNAL, "this libcurl has no AWS signatures");
	curl_easy_setopt(x->easy, CURLOPT_USERNAME, r->user);
	curl_easy_setopt(x->easy, CURLOPT_PASSWORD, r->password);
	return 0;
}

static int build_headers(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	for (size_t i = 0; r->headers && i < r->headers->n; i++) {
		if (check_header(r->headers->v[i], e) < 0)
			return -1;
		add_header(x, r->headers->v[i]);
	}
	if (r->bearer && add_bearer(x, r->bearer, e) < 0)
		return -1;
	if (r->user && !r->sigv4 && add_basic(x, r, e) < 0)
		return -1;
	if (add_own(x, r, e) < 0 || add_signature(x, r, e) < 0)
		return -1;
	curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
	return 0;
}

/* Refuses what would only fail later, or worse: other schemes and credentials in the URL. */
static int build_url(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	char *scheme = NULL, *secret = NULL;

	x->url = curl_url();
	CURLUcode rc = curl_url_set(x->url, CURLUPART_URL, r->url ? r->url : "", CURLU_PATH_AS_IS);
	if (rc != CURLUE_OK)
		return err_set(e, ERR_INPUT, "request URL: %s", curl_url_strerror(rc));
	curl_url_get(x->url, CURLUPART_SCHEME, &scheme, 0);
	bool web = str_eq(scheme, "http") || str_eq(scheme, "https");
	curl_free(scheme);
	if (!web)
		return err_set(e, ERR_INPUT, "request URL: expected http:// or https://");
	bool credentials = curl_url_get(x->url, CURLUPART_USER, &secret, 0) == CURLUE_OK ||
			   curl_url_get(x->url, CURLUPART_PASSWORD, &secret, 0) == CURLUE_OK;
	if (secret)
		wipe(secret, strlen(secret));
	curl_free(secret);
	if (credentials)
		return err_set(e, ERR_INPUT, "request URL: credentials are not allowed in it");
	curl_easy_setopt(x->easy, CURLOPT_CURLU, x->url);
	return 0;
}

static size_t read_body(char *out, size_t size, size_t n, void *data)
{
	struct http_exchange *x = data;
	size_t left = (size_t)(x->body_end - x->body_at), most = size * n;
	ssize_t k = pread(x->body_fd, out, most < left ? most : left, (off_t)x->body_at);

	if (k < 0)
		return CURL_READFUNC_ABORT;
	x->body_at += k;
	return (size_t)k;
}

/* A request that is sent a second time begins again. */
static int seek_body(void *data, curl_off_t offset, int origin)
{
	struct http_exchange *x = data;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	x->body_at = x->body_from + offset;
	return CURL_SEEKFUNC_OK;
}

static void build_file_body(struct http_exchange *x, const struct http_request *r)
{
	x->body_fd = *r->body_fd;
	x->body_at = x->body_from = r->body_from;
	x->body_end = x->body_from + (curl_off_t)r->body_len;
	curl_easy_setopt(x->easy, CURLOPT_READFUNCTION, read_body);
	curl_easy_setopt(x->easy, CURLOPT_READDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_SEEKFUNCTION, seek_body);
	curl_easy_setopt(x->easy, CURLOPT_SEEKDATA, x);
	curl_easy_setopt(x->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
}

/* curl sends one bufferful each time that the socket has room, so a small one costs a turn of the
 * loop for each few bytes. */
static void build_memory_body(struct http_exchange *x, const void *body, size_t n)
{
	if (n > UPLOAD_USUAL)
		curl_easy_setopt(x->easy, CURLOPT_UPLOAD_BUFFERSIZE,
			(long)(n < UPLOAD_MAX ? n : UPLOAD_MAX));
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
	curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, body);
}

static int build_method(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	x->method = "other";
	if (!r->method || !http_is_token(r->method))
		return err_set(e, ERR_INPUT, "request method: expected a word like GET");
	for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
		if (strcmp(METHODS[i].name, r->method) == 0) {
			x->method = METHODS[i].name;
			x->idempotent = METHODS[i].idempotent;
		}
	}
	bool sends = r->body || r->body_fd || strcmp(r->method, "POST") == 0 ||
		     strcmp(r->method, "PUT") == 0;
	if (strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
	else if (sends)
		curl_easy_setopt(x->easy, CURLOPT_POST, 1L);
	curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (!sends)
		return 0;
	if (r->body_fd) {
		build_file_body(x, r);
		return 0;
	}
	const void *body = r->body ? r->body : "";
	if (r->body && !r->body_static) {
		x->body = xmalloc(r->body_len ? r->body_len : 1);
		memcpy(x->body, r->body, r->body_len);
		x->body_len = r->body_len;
		body = x->body;
	}
	build_memory_body(x, body, r->body ? r->body_len : 0);
	return 0;
}

static long whole(int64_t us, int64_t unit)
{
	return (long)((us + unit - 1) / unit);
}

static void build_times(struct http_exchange *x, const struct http_request *r)
{
	int64_t connect = r->connect_timeout_us > 0 ? r->connect_timeout_us : CONNECT_TIMEOUT_US;

	curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, whole(connect, USEC_PER_MSEC));
	if (r->timeout_us > 0)
		curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, whole(r->timeout_us, USEC_PER_MSEC));
	if (r->stall_us > 0) {
		curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(x->easy, CURLOPT_LOW_SPEED_TIME, whole(r->stall_us, USEC_PER_SEC));
	}
}

static void build_transport(struct http_exchange *x, const struct http_request *r)
{
	CURL *easy = x->easy;

	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	/* a cancelled name lookup would otherwise block us until the resolver gives up */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, x->http->user_agent);
	if (x->http->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, x->http->ca_file);
	if (x->on_body)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)STREAM_BUFFER);
	if (r->unix_socket) {
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	}
}

int request_build(struct http_exchange *x, const struct http_request *r, struct err *e)
{
	if (build_url(x, r, e) < 0 || build_method(x, r, e) < 0 || build_headers(x, r, e) < 0)
		return -1;
	build_times(x, r);
	build_transport(x, r);
	return 0;
}

static void wipe_headers(struct curl_slist **list)
{
	for (struct curl_slist *n = *list; n; n = n->next)
		wipe(n->data, strlen(n->data));
	curl_slist_free_all(*list);
	*list = NULL;
}

void request_release(struct http_exchange *x)
{
	curl_easy_cleanup(x->easy);
	x->easy = NULL;
	curl_url_cleanup(x->url);
	x->url = NULL;
	wipe_headers(&x->headers);
	wipe(x->body, x->body_len);
	free(x->body);
	x->body = NULL;
	x->body_len = 0;
	free(x->unix_socket);
	x->unix_socket = NULL;
}
