/*
 * One request: the words of the command line and what came on standard input go there, what the
 * verb said comes back. The answer may hold a token, so every copy of it is wiped.
 */
#include "coordinator/remote/verb.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cli.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/http/http.h"
#include "base/json.h"
#include "base/limits.h"

#define ANSWER_MAX MIB(64) /* 8 MiB of output, of which escapes may make six times as many */
#define TOKEN_VARIABLE "SHITHUB_ADMIN_TOKEN"

size_t remote_flags(struct remote *r, struct cli_flag *flags)
{
	flags[0] = (struct cli_flag){ "url", CLI_STRING, &r->url, "URL",
		"run it at the coordinator there, with a site admin's token" };
	flags[1] = (struct cli_flag){ "token-file", CLI_STRING, &r->token_file, "FILE",
		"that token (default: the variable " TOKEN_VARIABLE ")" };
	return 2;
}

static int read_token(const struct remote *r, struct buf *out, struct err *e)
{
	const char *given = getenv(TOKEN_VARIABLE);

	if (r->token_file) {
		if (file_read(r->token_file, out, e) < 0)
			return err_wrap(e, "--token-file");
	} else if (given) {
		buf_adds(out, given);
	}
	while (out->len && strchr("\r\n ", out->data[out->len - 1]))
		out->data[--out->len] = 0;
	if (!out->len)
		return err_set(e, ERR_INPUT,
			"--url needs a site admin's token, expected --token-file FILE or the "
			"variable " TOKEN_VARIABLE);
	return 0;
}

/* `--url X`, `--url=X`: ours, not the verb's. *i moves over the value. */
static bool own_flag(const struct remote *r, int *i)
{
	static const char *const names[] = { "--url", "--token-file" };

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		if (str_eq(r->argv[*i], names[k])) {
			++*i;
			return true;
		}
		if (str_starts(r->argv[*i], names[k]) && r->argv[*i][strlen(names[k])] == '=')
			return true;
	}
	return false;
}

/* The verb's path without "shithubd admin", then its words without our own flags. */
static void write_words(const struct remote *r, struct json_writer *w)
{
	CLEANUP(strv_release) struct strv path = { 0 };

	strv_split(&path, cli_path(), ' ');
	json_key(w, "argv");
	json_begin_array(w);
	strv_each (word, &path)
		if (word_i >= 2)
			json_str(w, word);
	for (int i = 1; i < r->argc; i++)
		if (!own_flag(r, &i))
			json_str(w, r->argv[i]);
	json_end_array(w);
}

static int write_body(const struct remote *r, struct buf *out, struct err *e)
{
	struct buf input = BUF_INIT(LIMIT_API_BODY / 2);
	struct json_writer w;
	int rc = 0;

	if (r->reads_stdin && fd_read_all(STDIN_FILENO, &input, e) < 0)
		rc = err_wrap(e, "standard input");
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	write_words(r, &w);
	if (r->reads_stdin) {
		json_key(&w, "stdin");
		json_strn(&w, buf_cstr(&input), input.len);
	}
	json_end_object(&w);
	if (json_writer_finish(&w, rc < 0 ? NULL : e) < 0)
		rc = -1;
	buf_release_wipe(&input);
	return rc;
}

/* ---- the answer ---- */

static int print_bytes(const struct json_value *v, const char *key, FILE *to, struct err *e)
{
	CLEAN_STR char *other = xasprintf("%s_base64", key);
	const char *text = json_get_string(v, key), *coded = json_get_string(v, other);
	struct buf raw = BUF_INIT(ANSWER_MAX);
	int rc = 0;

	if (text)
		buf_adds(&raw, text);
	else if (!coded || base64_decode(&raw, coded, strlen(coded), NULL) < 0)
		rc = err_set(e, ERR_PROTO, "the coordinator's answer has no \"%s\"", key);
	if (rc == 0 && (fwrite(buf_cstr(&raw), 1, raw.len, to) != raw.len || fflush(to) != 0))
		rc = err_set(e, ERR_IO, "write failed");
	buf_release_wipe(&raw);
	return rc;
}

static int print_answer(const struct buf *body, int *ret_code, struct err *e)
{
	struct json_limits lim = { .bytes = ANSWER_MAX };
	CLEAN_JSON struct json_doc *d = json_parse(buf_cstr(body), body->len, &lim, e);
	int64_t code = d ? json_get_int(json_root(d), "exit_code", -1) : -1;

	if (code < 0 || code > 255)
		return err_set(e, ERR_PROTO, "the server is no coordinator with admin verbs");
	*ret_code = (int)code;
	return print_bytes(json_root(d), "stdout", stdout, e) < 0 ||
			       print_bytes(json_root(d), "stderr", stderr, e) < 0
		       ? -1
		       : 0;
}

static int exchange(const struct remote *r, const struct buf *token, const struct buf *body,
	int *ret_code, struct err *e)
{
	size_t n = strlen(r->url);
	CLEAN_STR char *url = xasprintf(
		"%.*s/api/v1/admin/verbs", (int)(n && r->url[n - 1] == '/' ? n - 1 : n), r->url);
	struct http_request q = { .method = "POST",
		.url = url,
		.bearer = buf_cstr(token),
		.body = body->data,
		.body_len = body->len,
		.max_answer = ANSWER_MAX,
		.timeout_us = 180 * USEC_PER_SEC };
	struct loop *l = loop_new(e);
	struct http *h =
		l ? http_new(l, &(struct http_config){ .user_agent = "shithubd" }, e) : NULL;
	struct http_exchange *x = h ? http_start(h, &q, NULL, NULL, e) : NULL;
	int rc = -1;

	if (x) {
		const struct http_result *got = http_wait(x);

		rc = got->outcome == HTTP_DONE && got->status == 200
			     ? print_answer(&got->body, ret_code, e)
			     : http_result_error(got, e);
	}
	http_exchange_free(x);
	http_free(h);
	loop_free(l);
	return rc < 0 ? err_wrap(e, "%s", r->url) : 0;
}

int remote_run(const struct remote *r, int *ret_code, struct err *e)
{
	struct buf token = BUF_INIT(KIB(4)), body = BUF_INIT(LIMIT_API_BODY);
	int rc = read_token(r, &token, e) < 0 || write_body(r, &body, e) < 0
			 ? -1
			 : exchange(r, &token, &body, ret_code, e);

	buf_release_wipe(&token);
	buf_release_wipe(&body);
	return rc;
}
