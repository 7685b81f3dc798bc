/*
 * The commit is known, so the usual first request, the list of refs, is left out: protocol v0 with
 * one want answers on every server, also on those that speak v2. Then, only when a server refuses:
 *   the same want as v2 (it allows any object, v0 only what a ref reaches)
 *   the list of refs, then the whole history of the branch that the job belongs to
 * A full history (depth 0) starts with the list, because it wants every branch and tag; so do
 * `fetch-tags` and a ref that only the server can turn into an id.
 * Nothing is tried again once pack bytes went on.
 */
#include "base/limits.h"
#include "checkout/fetch.h"

enum { REMOTE_LINES_MAX = 50 };
#define STALL_US (60 * USEC_PER_SEC)
#define REQUEST_MAX MIB(16)

enum verdict {
	TRY_DONE,
	TRY_NEXT,  /* refused before any pack byte: another form may work */
	TRY_FATAL, /* nothing else will help */
};

struct fetch {
	struct http *http;
	const struct checkout_request *r;
	const struct fetch_sink *sink;
	struct mono deadline;
	struct fetch_result *result;
	struct err *e;
	/* of the current request */
	struct answer answer;
	long status;
	unsigned remote_lines;
};

static char *endpoint(const struct checkout_request *r, const char *tail)
{
	size_t n = strlen(r->url);

	while (n && r->url[n - 1] == '/')
		n--;
	return xasprintf("%.*s/%s", (int)n, r->url, tail);
}

static void on_headers(void *data, long status)
{
	struct fetch *f = data;

	f->status = status;
}

static int on_pack(void *data, const char *p, size_t n, struct err *e)
{
	struct fetch *f = data;

	if (f->answer.pack_bytes == n && f->sink->started)
		f->sink->started(f->sink->data);
	return f->sink->pack(f->sink->data, p, n, e);
}

static void on_progress(void *data, const char *text)
{
	struct fetch *f = data;

	if (++f->remote_lines > REMOTE_LINES_MAX)
		return;
	CLEAN_STR char *line = xasprintf("remote: %s", text);
	f->sink->line(f->sink->data, line);
}

/* A redirect's body is no answer of ours; the status is judged after the exchange. */
static int on_body(void *data, const char *p, size_t n)
{
	struct fetch *f = data;

	if (f->status != 200)
		return 0;
	return answer_feed(&f->answer, p, n, f->e);
}

static void set_common(const struct fetch *f, struct http_request *q)
{
	int64_t left = mono_diff(f->deadline, mono_now());

	q->user = f->r->token ? "x-access-token" : NULL;
	q->password = f->r->token;
	q->guarded = !f->r->any_address;
	q->reach = (unsigned)f->r->reach;
	q->stall_us = STALL_US;
	q->timeout_us = left > USEC_PER_MSEC ? left : USEC_PER_MSEC;
}

static bool status_may_be_version(long status)
{
	return status == 400 || status == 405 || status == 406 || status == 415 || status == 422 ||
	       status == 501;
}

/* Status and transport trouble in one place. Redirects are refused because the token would follow.
 */
static int judge_transport(struct fetch *f, const struct http_result *res)
{
	if (res->outcome == HTTP_DONE && res->status == 200)
		return 0;
	if (res->outcome == HTTP_DONE && res->status / 100 == 3)
		return err_set(
			f->e, ERR_PROTO, "HTTP %ld: redirects are not followed", res->status);
	f->result->retryable = !res->forbidden && (res->outcome != HTTP_DONE ||
							  res->status >= 500 || res->status == 429);
	return http_result_error(res, f->e);
}

static enum verdict classify_answer(struct fetch *f, const struct http_result *res)
{
	bool started = f->answer.pack_started;
	const char *type = http_header(res, "content-type");

	f->result->pack_bytes = f->answer.pack_bytes;
	if (f->e->class == ERR_NONE && judge_transport(f, res) < 0)
		return !started && status_may_be_version(res->status) ? TRY_NEXT : TRY_FATAL;
	if (f->e->class == ERR_NONE) {
		if (answer_end(&f->answer, f->e) == 0)
			return TRY_DONE;
		f->result->retryable = err_is(f->e, ERR_NET);
		return !started && err_is(f->e, ERR_PROTO) ? TRY_NEXT : TRY_FATAL;
	}
	/* the answer itself was refused: by its sender, by a limit, or as nonsense */
	if (f->answer.refused)
		return started ? TRY_FATAL : TRY_NEXT;
	if (!started && type && !strstr(type, "git-upload-pack-result"))
		err_wrap(f->e, "the server answered with %.60s", type);
	return TRY_FATAL;
}

static enum verdict post(struct fetch *f, int version, const struct strv *wants, int64_t depth)
{
	struct answer_sink sink = { on_pack, on_progress, f };
	CLEAN_STR char *url = endpoint(f->r, "git-upload-pack");
	CLEAN_BUF struct buf body = BUF_INIT(REQUEST_MAX);
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct http_request q = { .method = "POST",
		.url = url,
		.headers = &headers,
		.content_type = "application/x-git-upload-pack-request",
		.on_body = on_body,
		.on_headers = on_headers,
		.data = f };

	err_clear(f->e);
	f->status = 0;
	answer_init(&f->answer, &sink, LIMIT_PACK);
	strv_add(&headers, "Accept: application/x-git-upload-pack-result");
	if (version == 2)
		strv_add(&headers, "Git-Protocol: version=2");
	if ((version == 2 ? request_v2 : request_v0)(&body, wants, depth) < 0) {
		err_set(f->e, ERR_LIMIT, "too many refs for one request");
		return TRY_FATAL;
	}
	q.body = body.data;
	q.body_len = body.len;
	set_common(f, &q);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(f->http, &q, NULL, NULL, f->e);
	if (!x)
		return TRY_FATAL;
	enum verdict v = classify_answer(f, http_wait(x));
	if (v == TRY_DONE)
		f->result->end.shallow = TAKE_VALUE(f->answer.shallow, (struct strv){ 0 });
	answer_release(&f->answer);
	return v;
}

static int list_refs(struct fetch *f, struct ref_list *ret)
{
	CLEAN_STR char *url = endpoint(f->r, "info/refs?service=git-upload-pack");
	struct http_request q = { .method = "GET", .url = url, .max_answer = LIMIT_REF_LIST };

	err_clear(f->e);
	set_common(f, &q);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(f->http, &q, NULL, NULL, f->e);
	if (!x)
		return -1;
	const struct http_result *res = http_wait(x);
	if (judge_transport(f, res) < 0)
		return err_wrap(f->e, "list of refs");
	return advert_parse(res->body.data, res->body.len, ret, f->e);
}

/* v0, then v2 with the same wants. *ret_final: the server knows v2 and says there is no such
 * object. */
static enum verdict post_both(struct fetch *f, const struct strv *wants, int64_t depth)
{
	enum verdict v = post(f, 0, wants, depth);

	if (v != TRY_NEXT)
		return v;
	v = post(f, 2, wants, depth);
	/* v2 serves any object it has, so this answer is final */
	return v == TRY_NEXT && err_is(f->e, ERR_NOT_FOUND) ? TRY_FATAL : v;
}

static int fetch_by_ref(struct fetch *f)
{
	CLEANUP(ref_list_release) struct ref_list refs = { 0 };
	CLEANUP(strv_release) struct strv wants = { 0 };
	const char *ref = f->r->ref ? f->r->ref : "HEAD";
	struct err refusal = *f->e;

	if (list_refs(f, &refs) < 0)
		return -1;
	const char *tip = ref_list_find(&refs, ref);
	if (!tip) {
		*f->e = refusal;
		return -1;
	}
	CLEAN_STR char *line = xasprintf(
		"The server refuses the commit by its id; fetching the history of %s", ref);
	f->sink->line(f->sink->data, line);
	strv_add(&wants, tip);
	return post_both(f, &wants, 0) == TRY_DONE ? 0 : -1;
}

static bool is_branch_or_tag(const char *name)
{
	return str_starts(name, "refs/heads/") || str_starts(name, "refs/tags/");
}

/* What git takes a name for: itself, then a branch, then a tag. */
static int resolve_ref(struct fetch *f, const struct ref_list *refs, struct strv *wants)
{
	static const char *const forms[] = { "%s", "refs/heads/%s", "refs/tags/%s" };
	struct end_message *end = &f->result->end;

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEAN_STR char *name = xasprintf(forms[i], f->r->ref);
		const char *oid = str_starts(name, "refs/") ? ref_list_find(refs, name) : NULL;

		if (!oid)
			continue;
		end->target = xstrdup(oid);
		end->ref = TAKE(name);
		strv_add(wants, oid);
		return 0;
	}
	return err_set(f->e, ERR_NOT_FOUND,
		"ref \"%.200s\": the repository has no such branch, tag or ref", f->r->ref);
}

static void want_refs(struct fetch *f, const struct ref_list *refs, struct strv *wants)
{
	bool all = f->r->depth == 0;
	struct ref_list *keep = &f->result->end.refs;

	for (size_t i = 0; i < refs->names.n; i++) {
		const char *name = refs->names.v[i];

		if (!(all && is_branch_or_tag(name)) &&
			!(f->r->tags && str_starts(name, "refs/tags/")))
			continue;
		strv_add(wants, refs->oids.v[i]);
		strv_add(&keep->names, name);
		strv_add(&keep->oids, refs->oids.v[i]);
	}
}

/* A tag with a message is an object of its own, which the commit's id does not lead to. */
static int want_own_tag(struct fetch *f, struct strv *wants)
{
	CLEANUP(ref_list_release) struct ref_list refs = { 0 };

	if (!f->r->ref || !str_starts(f->r->ref, "refs/tags/"))
		return 0;
	if (list_refs(f, &refs) < 0)
		return -1;
	const char *tag = ref_list_find(&refs, f->r->ref);
	if (!tag || str_eq(tag, f->r->sha))
		return 0;
	f->result->end.target = xstrdup(tag);
	strv_add(wants, tag);
	return 0;
}

/* Whatever cannot be asked for by the id of one commit. */
static int fetch_by_list(struct fetch *f)
{
	CLEANUP(ref_list_release) struct ref_list refs = { 0 };
	CLEANUP(strv_release) struct strv wants = { 0 };

	if (list_refs(f, &refs) < 0)
		return -1;
	if (f->r->sha)
		strv_add(&wants, f->r->sha);
	else if (resolve_ref(f, &refs, &wants) < 0)
		return -1;
	want_refs(f, &refs, &wants);
	return post_both(f, &wants, f->r->depth) == TRY_DONE ? 0 : -1;
}

int fetch_pack(struct http *h, const struct checkout_request *r, const struct fetch_sink *sink,
	struct mono deadline, struct fetch_result *ret, struct err *e)
{
	struct fetch f = {
		.http = h, .r = r, .sink = sink, .deadline = deadline, .result = ret, .e = e
	};
	CLEANUP(strv_release) struct strv wants = { 0 };

	if (r->depth == 0 || r->tags || !r->sha)
		return fetch_by_list(&f);
	strv_add(&wants, r->sha);
	if (want_own_tag(&f, &wants) < 0)
		return -1;
	enum verdict v = post_both(&f, &wants, r->depth);
	if (v == TRY_NEXT)
		return fetch_by_ref(&f);
	return v == TRY_DONE ? 0 : -1;
}
