/*
 * Each call is one exchange whose outcome is kept as data. The answers list thousands of volumes
 * on a busy host, so they have a larger cap of nodes than other answers.
 */
#include "engine/storage.h"

#include <inttypes.h>

#include "base/codec.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "engine/engine_private.h"

#define LIMIT_STORAGE_NODES 2000000 /* thousands of volumes are no accident on such hosts */

void storage_call_release(struct storage_call *c)
{
	free(c->call);
	free(c->output);
	free(c->error);
	*c = (struct storage_call){ 0 };
}

static void note_answer(struct storage_call *c, const struct http_result *r)
{
	const char *body = buf_cstr(&r->body);
	CLEAN_STR char *head = xstrndup(body, utf8_cut(body, STORAGE_OUTPUT_MAX));

	c->status = r->status;
	c->output = text_printable(head);
	c->took_us = r->total_us;
}

static int note_failure(struct storage_call *c, int64_t timeout_us, bool expired, struct err *e)
{
	c->returncode = expired ? STORAGE_RC_TIMED_OUT : STORAGE_RC_FAILED;
	if (expired)
		err_set(e, ERR_TIMEOUT, "%s: timed out after %" PRId64 " seconds", c->call,
			timeout_us / USEC_PER_SEC);
	else
		err_wrap(e, "%s", c->call);
	c->error = xstrdup(e->text);
	return -1;
}

static int call(struct engine *g, const char *method, const char *path, int64_t timeout_us,
	struct storage_call *ret, struct json_doc **ret_doc, struct err *e)
{
	struct engine_request r = { .method = method, .path = path, .timeout_us = timeout_us };
	struct json_limits lim = { .bytes = LIMIT_ENGINE_ANSWER, .nodes = LIMIT_STORAGE_NODES };
	struct err why = { 0 };
	CLEAN_EXCHANGE struct http_exchange *x = engine_begin(g, &r, NULL, NULL, &why);
	const struct http_result *got = x ? http_wait(x) : NULL;
	int rc = got ? engine_check(g, x, &why) : -1;

	*ret = (struct storage_call){ .call = xasprintf("%s %s", method, path) };
	if (got)
		note_answer(ret, got);
	if (rc == 0 && ret_doc) {
		*ret_doc = json_parse(buf_cstr(&got->body), got->body.len, &lim, &why);
		rc = *ret_doc ? 0 : -1;
		if (rc < 0)
			why.class = ERR_PROTO; /* the engine's fault, not that of who asked */
	}
	if (rc < 0) {
		note_failure(ret, timeout_us, got && got->outcome == HTTP_TIMED_OUT, &why);
		*e = why;
	}
	return rc;
}

struct json_doc *storage_ask(struct engine *g, enum storage_question what, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e)
{
	static const char *const paths[] = {
		[STORAGE_USAGE] = "/system/df",
		[STORAGE_IMAGES] = "/images/json",
		[STORAGE_CONTAINERS] = "/containers/json?all=1",
		[STORAGE_VOLUMES] = "/volumes",
		[STORAGE_INFO] = "/info",
	};
	struct json_doc *doc = NULL;

	return call(g, "GET", paths[what], timeout_us, ret_call, &doc, e) < 0 ? NULL : doc;
}

int storage_prune_cache(struct engine *g, int64_t unused_us, uint64_t keep, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(1));

	if (keep == 0)
		BUG("a prune of the build cache without a bound");
	buf_addf(&path, "/build/prune?keep-storage=%" PRIu64, keep);
	if (unused_us) {
		CLEAN_STR char *filter = xasprintf(
			"{\"until\":[\"%" PRId64 "h\"]}", unused_us / (3600 * USEC_PER_SEC));

		buf_adds(&path, "&filters=");
		engine_escape(&path, filter);
	}
	return call(g, "POST", buf_cstr(&path), timeout_us, ret_call, NULL, e);
}

int storage_prune_dangling(
	struct engine *g, int64_t timeout_us, struct storage_call *ret_call, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(1));

	buf_adds(&path, "/images/prune?filters=");
	engine_escape(&path, "{\"dangling\":[\"true\"]}");
	return call(g, "POST", buf_cstr(&path), timeout_us, ret_call, NULL, e);
}

int storage_remove_volume(struct engine *g, const char *name, int64_t timeout_us,
	struct storage_call *ret_call, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(1));

	buf_adds(&path, "/volumes/");
	engine_escape(&path, name);
	return call(g, "DELETE", buf_cstr(&path), timeout_us, ret_call, NULL, e);
}
