/*
 * Two stores behind one interface. The coordinator's needs a place and the bytes at its URL, and
 * where that leads to an object storage, which knows no jobs, a call that says that they are there.
 * A local run has a folder with one file a name: what is there is complete, since files are renamed
 * into place.
 */
#include "runner/step/artifact_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"

enum { NAME_MAX_BYTES = 100, LIST_PAGES_MAX = 1000 };

int artifact_store_check_name(const char *action, const char *name, struct err *e)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t n = strlen(name);

	if (n && n <= NAME_MAX_BYTES && strspn(name, allowed) == n && !str_eq(name, ".") &&
		!str_starts(name, ".."))
		return 0;
	return err_set(e, ERR_INPUT,
		"%s: name: \"%.120s\", expected 1 to %d of the characters A-Z a-z 0-9 . _ - and no "
		"two dots in front",
		action, name, NAME_MAX_BYTES);
}

void artifact_offers_release(struct artifact_offers *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].name);
		wipe_free(o->v[i].url);
		free(o->v[i].digest);
	}
	free(o->v);
}

static struct artifact_offer *add_offer(struct artifact_offers *o)
{
	o->v = xrealloc(o->v, (o->n + 1) * sizeof(*o->v));
	return &o->v[o->n++];
}

/* ---- a coordinator's ---- */

enum { HEADERS_MAX = 16 };

struct place {
	char *id, *url;
	struct strv headers; /* that the upload must carry */
	bool complete;       /* its end must be said */
};

static void place_release(struct place *p)
{
	free(p->id);
	wipe_free(p->url);
	strv_release(&p->headers);
}

/* Only those of object storages: none may change where the bytes go or whose they seem to be. */
static int take_headers(struct place *p, const struct json_value *list, struct err *e)
{
	if (!list)
		return 0;
	if (list->type != JSON_ARRAY)
		return err_set(e, ERR_PROTO, "upload_headers: expected a list");
	json_array_each (item, list) {
		if (item->type != JSON_STRING || p->headers.n == HEADERS_MAX ||
			!str_starts(item->string, "x-amz-"))
			return err_set(e, ERR_PROTO,
				"upload_headers: expected at most %d texts \"x-amz-…: value\"",
				HEADERS_MAX);
		strv_add(&p->headers, item->string);
	}
	return 0;
}

static int take_place(void *data, const struct json_value *answer, struct err *e)
{
	struct place *p = data;
	const struct json_value *id = json_get(answer, "artifact_id");
	const char *url = json_get_string(answer, "upload_url");

	if (str_empty(url) || !id || (id->type != JSON_NUMBER && id->type != JSON_STRING))
		return err_set(e, ERR_PROTO, "expected artifact_id and upload_url");
	p->id = xstrdup(id->type == JSON_NUMBER ? id->raw : id->string);
	p->url = xstrdup(url);
	p->complete = json_get_bool(answer, "complete", false);
	return take_headers(p, json_get(answer, "upload_headers"), e);
}

static int ask_place(struct artifact_move *m, const char *name, int64_t days, bool overwrite,
	struct place *ret, struct err *e)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	CLEAN_STR char *body = xasprintf(/* the name needs no escapes */
		"{\"name\":\"%s\",\"size_bytes\":%" PRIu64 "}", name, m->size);

	strv_addf(&headers, "Shithub-Artifact-Digest: sha256:%s", m->digest);
	if (days)
		strv_addf(&headers, "Shithub-Artifact-Retention-Days: %" PRId64, days);
	if (overwrite)
		strv_add(&headers, "Shithub-Artifact-Overwrite: true");
	return move_ask(m, "/artifacts/upload", body, &headers, take_place, ret, e);
}

static int take_nothing(
	void *data UNUSED, const struct json_value *answer UNUSED, struct err *e UNUSED)
{
	return 0;
}

/* Ids that are no numbers have no such call. */
static int say_complete(struct artifact_move *m, const struct place *p, struct err *e)
{
	CLEAN_STR char *body =
		xasprintf("{\"artifact_id\":%s,\"digest\":\"sha256:%s\"}", p->id, m->digest);

	if (strspn(p->id, "0123456789") != strlen(p->id))
		return err_set(e, ERR_PROTO, "artifact_id: expected a number");
	return move_ask(m, "/artifacts/complete", body, NULL, take_nothing, NULL, e) < 0
		       ? err_wrap(e, "end of the upload")
		       : 0;
}

static int keep_remote(struct artifact_move *m, const char *name, int64_t days, bool overwrite,
	char **ret_id, struct err *e)
{
	CLEANUP(place_release) struct place place = { 0 };

	if (ask_place(m, name, days, overwrite, &place, e) < 0 ||
		move_put(m, place.url, &place.headers, e) < 0 ||
		(place.complete && say_complete(m, &place, e) < 0))
		return -1;
	*ret_id = TAKE(place.id);
	return 0;
}

static int take_offer(struct artifact_offers *o, const struct json_value *v, struct err *e)
{
	const char *name = json_get_string(v, "name"), *url = json_get_string(v, "download_url"),
		   *digest = json_get_string(v, "digest");
	int64_t size = json_get_int(v, "size_bytes", -1);
	unsigned char raw[32];

	if (str_empty(name) || str_empty(url) || str_empty(digest) || size < 0)
		return err_set(e, ERR_PROTO, "expected name, size_bytes, digest and download_url");
	if (artifact_store_check_name("list", name, e) < 0)
		return -1;
	if (!str_starts(digest, "sha256:") || hex_decode(digest + 7, raw, sizeof(raw)) < 0)
		return err_set(
			e, ERR_PROTO, "digest of \"%s\": expected sha256:<64 hex digits>", name);
	*add_offer(o) = (struct artifact_offer){ .name = xstrdup(name),
		.url = xstrdup(url),
		.digest = xstrdup(digest + 7),
		.size = (uint64_t)size };
	return 0;
}

static int take_page(void *data, const struct json_value *answer, struct err *e)
{
	struct artifact_offers *o = data;
	const struct json_value *list = json_get(answer, "artifacts");
	int64_t next = json_get_int(answer, "next_after", 0);

	if (!list || list->type != JSON_ARRAY)
		return err_set(e, ERR_PROTO, "expected a list of artifacts");
	json_array_each (item, list)
		if (take_offer(o, item, e) < 0)
			return -1;
	o->next = next > o->next ? next : 0;
	return 0;
}

static int ask_page(
	struct artifact_move *m, const char *name, struct artifact_offers *ret, struct err *e)
{
	CLEAN_BUF struct buf body = BUF_INIT(KIB(1));

	buf_addc(&body, '{');
	if (name)
		buf_addf(&body, "\"name\":\"%s\"", name);
	if (ret->next)
		buf_addf(&body, "%s\"after\":%" PRId64, name ? "," : "", ret->next);
	buf_addc(&body, '}');
	return move_ask(m, "/artifacts/list", buf_cstr(&body), NULL, take_page, ret, e);
}

static int list_remote(
	struct artifact_move *m, const char *name, struct artifact_offers *ret, struct err *e)
{
	for (unsigned pages = 0; pages == 0 || ret->next; pages++) {
		if (pages == LIST_PAGES_MAX)
			return err_set(e, ERR_PROTO, "the list of artifacts does not end");
		if (ask_page(m, name, ret, e) == 0)
			continue;
		if (!err_is(e, ERR_NOT_FOUND))
			return err_wrap(e, "list of artifacts");
		return err_set(e, ERR_NOT_FOUND,
			"this coordinator has no list of artifacts, so none can be downloaded");
	}
	return 0;
}

/* ---- a folder of a local run ---- */

static int open_folder(const struct job *j, struct err *e)
{
	CLEAN_STR char *path = path_join(j->place.state.path, LOCAL_ARTIFACTS);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir < 0 ? err_set_errno(e, errno, "artifacts of the local run") : dir;
}

static int list_folder(
	const struct job *j, const char *name, struct artifact_offers *ret, struct err *e)
{
	int fd = open_folder(j, e);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!d)
		return fd < 0 ? -1 : err_set_errno(e, errno, "artifacts of the local run");
	for (struct dirent *ent; (ent = readdir(d));) {
		if (str_eq(ent->d_name, ".") || str_eq(ent->d_name, "..") ||
			(name && !str_eq(name, ent->d_name)) ||
			fstatat(fd, ent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*add_offer(ret) = (struct artifact_offer){ .name = xstrdup(ent->d_name),
			.size = (uint64_t)st.st_size };
	}
	closedir(d);
	return 0;
}

/* A name stands for a whole artifact: the file gets it when all bytes are there. */
static int keep_local(
	struct artifact_move *m, const char *name, bool overwrite, char **ret_id, struct err *e)
{
	CLEANUP(artifact_offers_release) struct artifact_offers all = { 0 };
	CLEAN_FD int dir = open_folder(m->job, e), file = -1;
	char self[32];

	if (dir < 0)
		return -1;
	file = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file < 0)
		return err_set_errno(e, errno, "artifacts of the local run");
	if (move_put_file(m, file, e) < 0)
		return -1;
	if (overwrite && unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "replace it");
	snprintf(self, sizeof(self), "/proc/self/fd/%d", file);
	if (linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) < 0)
		return errno == EEXIST ? err_set(e, ERR_CONFLICT,
						 "the run has an artifact of this name already")
				       : err_set_errno(e, errno, "keep it");
	if (list_folder(m->job, NULL, &all, e) < 0)
		return -1;
	*ret_id = xasprintf("%zu", all.n);
	return 0;
}

static int fetch_local(struct artifact_move *m, const struct artifact_offer *o, struct err *e)
{
	CLEAN_FD int dir = open_folder(m->job, e), file = -1;

	if (dir < 0)
		return -1;
	file = open_beneath(dir, o->name, O_RDONLY, 0, e);
	return file < 0 ? -1 : move_get_file(m, file, e);
}

/* ---- either ---- */

int artifact_store_keep(struct artifact_move *m, const char *name, int64_t days, bool overwrite,
	char **ret_id, struct err *e)
{
	return m->job->place.local ? keep_local(m, name, overwrite, ret_id, e)
				   : keep_remote(m, name, days, overwrite, ret_id, e);
}

int artifact_store_list(
	struct artifact_move *m, const char *name, struct artifact_offers *ret, struct err *e)
{
	return m->job->place.local ? list_folder(m->job, name, ret, e)
				   : list_remote(m, name, ret, e);
}

int artifact_store_fetch(struct artifact_move *m, const struct artifact_offer *o, struct err *e)
{
	return m->job->place.local ? fetch_local(m, o, e)
				   : move_get(m, o->url, o->size, o->digest, e);
}
