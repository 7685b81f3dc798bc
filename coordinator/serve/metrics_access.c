/*
 * A proxy's requests come from this machine, and no header proves that there is none. But with a
 * proxy server.public_url names it, as git and runners need it, so the address decides.
 */
#include "coordinator/serve/metrics_access.h"

#include "base/fs.h"

enum { TOKEN_MIN = 16, TOKEN_MAX = 256 };

static bool is_loopback(const char *url)
{
	static const char *const hosts[] = { "localhost", "[::1]" };
	const char *host = strstr(url, "//") + 2;
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	struct slice name = { host, n };

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		if (slice_eq(name, hosts[i]))
			return true;
	return str_starts(host, "127.") && strspn(host, "0123456789.") == n;
}

static int token_read(const char *file, struct buf *out, struct err *e)
{
	bool bad = false;

	if (file_read_private(file, "the token", out, e) < 0)
		return -1;
	while (out->len && strchr("\r\n ", out->data[out->len - 1]))
		out->data[--out->len] = 0;
	for (size_t i = 0; i < out->len; i++)
		bad = bad || out->data[i] <= ' ' || out->data[i] > '~';
	if (bad || out->len < TOKEN_MIN || out->len > TOKEN_MAX)
		return err_set(e, ERR_INPUT,
			"%s: expected a token of %d to %d printable ASCII characters without "
			"blanks",
			file, TOKEN_MIN, TOKEN_MAX);
	return 0;
}

int metrics_access_open(const struct serve_config *c, struct metrics_access *ret, struct err *e)
{
	struct buf token = BUF_INIT_SECRET(TOKEN_MAX + 64);
	int rc = 0;

	ret->reader = c->public_url && !is_loopback(c->public_url) ? METRICS_NOBODY : METRICS_HERE;
	if (c->metrics_token_file) {
		ret->reader = METRICS_TOKEN;
		rc = token_read(c->metrics_token_file, &token, e);
		if (rc == 0)
			sha256(token.data, token.len, ret->sha);
	}
	buf_release_wipe(&token);
	return rc < 0 ? err_wrap(e, "server.metrics_token_file") : 0;
}
