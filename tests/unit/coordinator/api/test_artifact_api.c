/* Artifacts at the coordinator: places, signed URLs, quotas, pages, expiry; nothing half-written.
 */
#include "tests/unit/help/coordinator_help.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <netinet/in.h>

#include "coordinator/object/artifact.h"
#include "coordinator/object/object.h"
#include "coordinator/object/objects.h"

struct art {
	struct world w;
	struct claimed job;
	int64_t run_id;
};

static void art_open(struct art *a)
{
	struct err e = { 0 };

	world_open(&a->w);
	must_err(objects_sweep(a->w.app.objects, &e));
	world_serve(&a->w);
	free(a->w.app.public_url);
	a->w.app.public_url = xstrdup(a->w.base);
	a->run_id = RUN(&a->w, "one:linux", "two:linux").run_id;
	assert_int_equal(heartbeat(&a->w, a->w.runner_token, "{}", &a->job), 200);
}

/* An upload call; *ret_url is what follows the base of the URL. */
static long ask(struct art *a, const char *body, const char *header, char **ret_url)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	CLEAN_STR char *url =
		xasprintf("%s/api/v1/jobs/%" PRId64 "/artifacts/upload", a->w.base, a->job.job_id);
	struct http_request q = { .method = "POST",
		.url = url,
		.headers = &headers,
		.bearer = a->job.token,
		.body = body,
		.body_len = strlen(body) };
	struct err e = { 0 };

	if (header)
		strv_add(&headers, header);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(a->w.client, &q, NULL, NULL, &e);
	const struct http_result *r = http_wait(x);
	CLEAN_JSON struct json_doc *d = json_parse(buf_cstr(&r->body), r->body.len, NULL, &e);
	const char *got = json_get_string(json_root(d), "upload_url");
	const char *next = json_get_string(json_root(d), "next_token");
	if (next)
		snprintf(a->job.token, sizeof(a->job.token), "%s", next);
	if (ret_url)
		*ret_url = got ? xstrdup(got + strlen(a->w.base)) : NULL;
	return r->status;
}

static long put(struct art *a, const char *path, const char *bytes)
{
	struct call_spec c = { .method = "PUT", .path = path, .body = bytes };

	return call_do(&a->w, &c, NULL);
}

static long get(struct art *a, const char *path, struct buf *ret)
{
	struct call_spec c = { .method = "GET", .path = path };
	CLEAN_EXCHANGE struct http_exchange *x = call_start(&a->w, &c);
	const struct http_result *r = http_wait(x);

	assert_int_equal(r->outcome, HTTP_DONE);
	buf_clear(ret);
	buf_add(ret, buf_cstr(&r->body), r->body.len);
	return r->status;
}

static struct json_doc *list(struct art *a, const char *body)
{
	CLEAN_STR char *path = xasprintf("/api/v1/jobs/%" PRId64 "/artifacts/list", a->job.job_id);
	struct call_spec c = { .path = path, .token = a->job.token, .body = body };
	struct json_doc *d = NULL;

	assert_int_equal(call_do(&a->w, &c, &d), 200);
	snprintf(a->job.token, sizeof(a->job.token), "%s",
		json_get_string(json_root(d), "next_token"));
	return d;
}

/* ---- whose thread waits for the disk ---- */

static pthread_t loop_thread;
static atomic_int syncs_here, syncs_elsewhere; /* of objects */
static atomic_int hangs_on = -1;               /* a sync lasts until this socket is at its end */

/* In the place of the C library's, for all of this program. */
int fsync(int fd)
{
	CLEAN_STR char *link = xasprintf("/proc/self/fd/%d", fd);
	char path[PATH_MAX] = "";

	IGNORE_RESULT(readlink(link, path, sizeof(path) - 1), "it stays empty");
	if (strstr(path, "/objects/tmp/"))
		atomic_fetch_add(
			pthread_equal(pthread_self(), loop_thread) ? &syncs_here : &syncs_elsewhere,
			1);
	int peer = atomic_load(&hangs_on);
	char junk[64];

	while (peer >= 0 && strstr(path, "/objects/tmp/") && read(peer, junk, sizeof(junk)) > 0)
		;
	return (int)syscall(SYS_fsync, fd);
}

static size_t files_below(const char *dir, const char *name)
{
	CLEAN_STR char *path = path_join(dir, name);
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *x; (x = readdir(d));)
		n += x->d_name[0] != '.';
	closedir(d);
	return n;
}

/* Asks for a place for the bytes and fills it. */
static void upload(struct art *a, const char *name, const char *bytes)
{
	CLEAN_STR char *body =
		xasprintf("{\"name\":\"%s\",\"size_bytes\":%zu}", name, strlen(bytes));
	CLEAN_STR char *url = NULL;

	assert_int_equal(ask(a, body, NULL, &url), 201);
	assert_int_equal(put(a, url, bytes), 200);
}

static void stores_and_gives_back(void **state)
{
	struct art a;
	CLEAN_BUF struct buf got = BUF_INIT(MIB(1));

	(void)state;
	art_open(&a);
	upload(&a, "logs", "hello");
	CLEAN_STR char *file =
		xasprintf("%s/objects/actions/runs/%" PRId64 "/artifacts/logs", a.w.dir, a.run_id);
	assert_int_equal(access(file, F_OK), 0);
	CLEAN_JSON struct json_doc *d = list(&a, "{}");
	const struct json_value *items = json_get(json_root(d), "artifacts");
	assert_int_equal(items->count, 1);
	assert_string_equal(json_get_string(items->items[0], "name"), "logs");
	assert_int_equal(json_get_int(items->items[0], "size_bytes", 0), 5);
	assert_string_equal(json_get_string(items->items[0], "digest"),
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	const char *url = json_get_string(items->items[0], "download_url");
	assert_int_equal(get(&a, url + strlen(a.w.base), &got), 200);
	assert_string_equal(buf_cstr(&got), "hello");
	world_close(&a.w);
}

static void pages(void **state)
{
	struct art a;
	size_t seen = 0;
	int64_t after = 0;

	(void)state;
	art_open(&a);
	for (int i = 0; i < 30; i++) {
		CLEAN_STR char *name = xasprintf("%02d-%095d", i, i);

		upload(&a, name, "x");
	}
	do {
		CLEAN_STR char *body = xasprintf("{\"after\":%" PRId64 "}", after);
		CLEAN_JSON struct json_doc *d = list(&a, body);

		seen += json_get(json_root(d), "artifacts")->count;
		after = json_get_int(json_root(d), "next_after", 0);
	} while (after);
	assert_int_equal(seen, 30);
	CLEAN_STR char *one = xasprintf("{\"name\":\"%02d-%095d\"}", 7, 7);
	CLEAN_JSON struct json_doc *d = list(&a, one);
	assert_int_equal(json_get(json_root(d), "artifacts")->count, 1);
	world_close(&a.w);
}

static void refuses_bodies_and_names(void **state)
{
	static const struct {
		const char *body, *header;
		long status;
	} cases[] = {
		{ "{}", NULL, 400 },
		{ "{\"name\":\"a\"}", NULL, 400 },
		{ "{\"name\":\"a\",\"size_bytes\":-1}", NULL, 400 },
		{ "{\"name\":\"a\",\"size_bytes\":\"5\"}", NULL, 400 },
		{ "{\"name\":\"a\",\"size_bytes\":1,\"overwrite\":true}", NULL, 400 },
		{ "{\"name\":\"\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\".\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"..\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"..a\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"a/b\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"a b\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"a\\u0000\",\"size_bytes\":1}", NULL, 400 },
		{ "{\"name\":\"a\",\"size_bytes\":1}", "Shithub-Artifact-Retention-Days: 0", 400 },
		{ "{\"name\":\"a\",\"size_bytes\":1}", "Shithub-Artifact-Retention-Days: 91", 400 },
		{ "{\"name\":\"a\",\"size_bytes\":1}", "Shithub-Artifact-Overwrite: yes", 400 },
		{ "{\"name\":\"a\",\"size_bytes\":1099511627776}", NULL, 413 },
		{ "{\"name\":\"a\",\"size_bytes\":1}", "Shithub-Artifact-Retention-Days: 90", 201 },
		{ "{\"name\":\".a\",\"size_bytes\":1}", NULL, 201 },
	};
	struct art a;

	(void)state;
	art_open(&a);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		long status = ask(&a, cases[i].body, cases[i].header, NULL);

		if (status != cases[i].status)
			fail_msg("%s: %ld, expected %ld", cases[i].body, status, cases[i].status);
	}
	world_close(&a.w);
}

static void a_name_is_taken_once(void **state)
{
	CLEAN_STR char *first = NULL, *again = NULL, *other = NULL;
	CLEAN_BUF struct buf got = BUF_INIT(MIB(1));
	const char *body = "{\"name\":\"a\",\"size_bytes\":3}";
	struct art a;

	(void)state;
	art_open(&a);
	/* one whose upload never came may be asked for again by its job */
	assert_int_equal(ask(&a, body, NULL, &first), 201);
	assert_int_equal(ask(&a, body, NULL, &again), 201);
	assert_int_equal(put(&a, first, "old"), 404);
	assert_int_equal(put(&a, again, "one"), 200);
	assert_int_equal(put(&a, again, "one"), 200); /* the answer was lost: sent again */
	assert_int_equal(put(&a, again, "two"), 409);
	assert_int_equal(ask(&a, body, NULL, NULL), 409);
	assert_int_equal(ask(&a, body, "Shithub-Artifact-Overwrite: true", &other), 201);
	assert_int_equal(put(&a, again, "one"), 404);
	assert_int_equal(put(&a, other, "new"), 200);
	CLEAN_JSON struct json_doc *d = list(&a, "{}");
	const struct json_value *items = json_get(json_root(d), "artifacts");
	assert_int_equal(items->count, 1);
	const char *url = json_get_string(items->items[0], "download_url");
	assert_int_equal(get(&a, url + strlen(a.w.base), &got), 200);
	assert_string_equal(buf_cstr(&got), "new");
	world_close(&a.w);
}

static void quota_counts_all_of_a_run(void **state)
{
	struct art a;

	(void)state;
	art_open(&a);
	a.w.app.artifacts = (struct artifact_limits){ .max_bytes = 6, .max_run_bytes = 10 };
	upload(&a, "a", "123456");
	assert_int_equal(ask(&a, "{\"name\":\"b\",\"size_bytes\":7}", NULL, NULL), 413);
	assert_int_equal(ask(&a, "{\"name\":\"b\",\"size_bytes\":5}", NULL, NULL), 413);
	upload(&a, "b", "1234");
	assert_int_equal(ask(&a, "{\"name\":\"c\",\"size_bytes\":1}", NULL, NULL), 413);
	/* what is replaced does not count */
	assert_int_equal(ask(&a, "{\"name\":\"b\",\"size_bytes\":4}",
				 "Shithub-Artifact-Overwrite: true", NULL),
		201);
	world_close(&a.w);
}

static char *replaced(const char *text, const char *what, const char *with)
{
	assert_non_null(text);
	const char *at = strstr(text, what);
	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

static void refuses_other_urls(void **state)
{
	CLEAN_STR char *url = NULL;
	CLEAN_BUF struct buf got = BUF_INIT(MIB(1));
	struct art a;

	(void)state;
	art_open(&a);
	assert_int_equal(ask(&a, "{\"name\":\"a\",\"size_bytes\":3}", NULL, &url), 201);
	CLEAN_STR char *size = replaced(url, "size=3", "size=4");
	CLEAN_STR char *name = replaced(url, "artifacts/a", "artifacts/b");
	CLEAN_STR char *id = replaced(url, "id=1", "id=2");
	CLEAN_STR char *later = replaced(url, "expires=", "expires=9");
	CLEAN_STR char *bare = xstrndup(url, strcspn(url, "?"));
	CLEAN_STR char *mac = xstrdup(url);
	mac[strlen(mac) - 1] = mac[strlen(mac) - 1] == '0' ? '1' : '0';
	CLEAN_STR char *cut = xstrndup(url, strlen(url) - 1);
	const char *const bad[] = { size, name, id, later, bare, mac, cut };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (put(&a, bad[i], "one") != 403)
			fail_msg("%s was taken", bad[i]);
	assert_int_equal(get(&a, url, &got), 403); /* a PUT's URL gets nothing */
	assert_int_equal(put(&a, url, "four"), 400);
	assert_int_equal(files_below(a.w.dir, "objects/tmp"), 0);
	assert_int_equal(put(&a, url, "one"), 200);
	world_close(&a.w);
}

static void urls_expire(void **state)
{
	struct keys k = { .object = "k" };
	struct object_grant g = { .method = "GET",
		.run_id = 1,
		.name = "a",
		.artifact_id = 2,
		.size = 3,
		.expires_at = { 1000 * USEC_PER_SEC } };
	CLEAN_STR char *url = NULL;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(object_url(&k, "http://x", &g, &url, &e), 0);
	const char *mac = strstr(url, "signature=") + strlen("signature=");
	assert_int_equal(
		object_grant_check(&k, &g, mac, (struct wall){ 999 * USEC_PER_SEC }, &e), 0);
	assert_int_equal(
		object_grant_check(&k, &g, mac, (struct wall){ 1000 * USEC_PER_SEC }, &e), -1);
	k.object[0] = 'l';
	assert_int_equal(
		object_grant_check(&k, &g, mac, (struct wall){ 999 * USEC_PER_SEC }, &e), -1);
}

/* Sends the head and half of a body. */
static int put_half(struct art *a, const char *path)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	CLEAN_STR char *head =
		xasprintf("PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc", path);
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t port;

	assert_true(parse_i64(strrchr(a->w.base, ':') + 1, 1, 65535, &port));
	to.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(write(fd, head, strlen(head)), strlen(head));
	return TAKE_FD(fd);
}

/* The server works while it is asked something else, until there are n temporary files. */
static void serve_until(struct art *a, size_t n)
{
	for (int i = 0; i < 1000 && files_below(a->w.dir, "objects/tmp") != n; i++) {
		CLEAN_JSON struct json_doc *d = list(a, "{}");

		assert_int_equal(json_get(json_root(d), "artifacts")->count, 0);
	}
	assert_int_equal(files_below(a->w.dir, "objects/tmp"), n);
}

static void an_interrupted_put_leaves_nothing(void **state)
{
	CLEAN_STR char *url = NULL;
	struct art a;

	(void)state;
	art_open(&a);
	assert_int_equal(ask(&a, "{\"name\":\"a\",\"size_bytes\":6}", NULL, &url), 201);
	int fd = put_half(&a, url);
	serve_until(&a, 1);
	close(fd);
	serve_until(&a, 0);
	assert_int_equal(files_below(a.w.dir, "objects"), 1);
	assert_int_equal(put(&a, url, "abcdef"), 200);
	world_close(&a.w);
}

static void a_crash_leaves_nothing(void **state)
{
	struct err e = { 0 };
	struct art a;

	(void)state;
	art_open(&a);
	CLEAN_STR char *stray =
		path_join(a.w.dir, "objects/tmp/object.11111111-2222-4333-8444-555555555555");
	const struct timespec long_ago[] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	assert_int_equal(file_replace(stray, "x", 1, 0600, &e), 0);
	assert_int_equal(utimensat(AT_FDCWD, stray, long_ago, 0), 0);
	assert_int_equal(objects_sweep(a.w.app.objects, &e), 0);
	assert_int_equal(files_below(a.w.dir, "objects/tmp"), 0);
	world_close(&a.w);
}

static void expired_ones_go_object_first(void **state)
{
	CLEAN_BUF struct buf got = BUF_INIT(MIB(1));
	struct wall later = wall_now(), much_later = later;
	CLEAN_STR char *waiting = NULL;
	struct err e = { 0 };
	struct art a;
	int n;

	(void)state;
	art_open(&a);
	upload(&a, "a", "x");
	assert_int_equal(ask(&a, "{\"name\":\"b\",\"size_bytes\":1}", NULL, &waiting), 201);
	must_err(artifact_prune(&a.w.app, later, &n, &e));
	assert_int_equal(n, 0);
	later.us += 16 * 60 * USEC_PER_SEC; /* the one that never came */
	must_err(artifact_prune(&a.w.app, later, &n, &e));
	assert_int_equal(n, 1);
	assert_int_equal(put(&a, waiting, "x"), 404);
	CLEAN_JSON struct json_doc *d = list(&a, "{}");
	const struct json_value *items = json_get(json_root(d), "artifacts");
	assert_int_equal(items->count, 1);
	CLEAN_STR char *url =
		xstrdup(json_get_string(items->items[0], "download_url") + strlen(a.w.base));
	much_later.us += (ARTIFACT_DAYS + 1) * 24 * 3600 * USEC_PER_SEC;
	must_err(artifact_prune(&a.w.app, much_later, &n, &e));
	assert_int_equal(n, 1);
	assert_int_equal(get(&a, url, &got), 404);
	assert_int_equal(files_below(a.w.dir, "objects/actions/runs"), 0);
	world_close(&a.w);
}

static void other_runs_are_not_seen(void **state)
{
	struct art a;
	struct claimed second;

	(void)state;
	art_open(&a);
	upload(&a, "a", "x");
	RUN(&a.w, "three:linux");
	char token[TOKEN_HEX_MAX];
	world_runner(&a.w, "r2", "linux", 5, token);
	do
		assert_int_equal(heartbeat(&a.w, token, "{}", &second), 200);
	while (second.run_id == a.run_id);
	a.job = second;
	CLEAN_JSON struct json_doc *d = list(&a, "{}");
	assert_int_equal(json_get(json_root(d), "artifacts")->count, 0);
	world_close(&a.w);
}

static void calls_wait_for_no_object(void **state UNUSED)
{
	struct art a;

	art_open(&a);
	loop_thread = pthread_self();
	atomic_store(&syncs_here, 0);
	atomic_store(&syncs_elsewhere, 0);
	upload(&a, "x", "bytes");
	assert_int_equal(0, atomic_load(&syncs_here));
	assert_int_equal(1, atomic_load(&syncs_elsewhere));
	world_close(&a.w);
}

static size_t listed(struct art *a)
{
	CLEAN_JSON struct json_doc *d = list(a, "{}");

	return json_get(json_root(d), "artifacts")->count;
}

/* The upload is the syncer's until it is done, and is there then: all bytes of it came. */
static void a_client_may_go_meanwhile(void **state UNUSED)
{
	CLEAN_STR char *url = NULL;
	struct art a;

	art_open(&a);
	assert_int_equal(ask(&a, "{\"name\":\"a\",\"size_bytes\":6}", NULL, &url), 201);
	CLEAN_FD int fd = put_half(&a, url);
	atomic_store(&syncs_elsewhere, 0);
	atomic_store(&hangs_on, fd);
	loop_thread = pthread_self();
	assert_int_equal(write(fd, "def", 3), 3);
	for (int i = 0; i < 1000 && !atomic_load(&syncs_elsewhere); i++)
		assert_int_equal(0, listed(&a));
	assert_int_equal(1, atomic_load(&syncs_elsewhere));
	must(shutdown(fd, SHUT_RDWR)); /* which ends the sync */
	for (int i = 0; i < 1000 && !listed(&a); i++)
		continue;
	atomic_store(&hangs_on, -1);
	assert_int_equal(1, listed(&a));
	world_close(&a.w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_and_gives_back),
		cmocka_unit_test(calls_wait_for_no_object),
		cmocka_unit_test(a_client_may_go_meanwhile),
		cmocka_unit_test(pages),
		cmocka_unit_test(refuses_bodies_and_names),
		cmocka_unit_test(a_name_is_taken_once),
		cmocka_unit_test(quota_counts_all_of_a_run),
		cmocka_unit_test(refuses_other_urls),
		cmocka_unit_test(urls_expire),
		cmocka_unit_test(an_interrupted_put_leaves_nothing),
		cmocka_unit_test(a_crash_leaves_nothing),
		cmocka_unit_test(expired_ones_go_object_first),
		cmocka_unit_test(other_runs_are_not_seen),
	};

	return cmocka_run_group_tests_name("artifact_api", tests, NULL, NULL);
}
