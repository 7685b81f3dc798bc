/*
 * Objects as files. A file appears by rename only, after it is complete, checked and synced, so
 * readers need no lock. Whether a signature is right is compared in constant time and said in one
 * error for all cases, as a caller learns nothing from how it was wrong.
 */
#include "coordinator/object/object.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"

enum { MAC_LEN = 32 };

char *object_key(int64_t run_id, const char *name)
{
	return xasprintf("actions/runs/%" PRId64 "/artifacts/%s", run_id, name);
}

/* ---- URLs ---- */

static int grant_mac(const struct keys *k, const struct object_grant *g, unsigned char out[MAC_LEN],
	struct err *e)
{
	CLEAN_STR char *key = object_key(g->run_id, g->name);
	CLEAN_STR char *text = xasprintf("%s\n%s\n%" PRId64 "\n%" PRId64 "\n%" PRId64, g->method,
		key, g->artifact_id, g->expires_at.us / USEC_PER_SEC, g->size);
	unsigned len = 0;

	if (!HMAC(EVP_sha256(), k->object, KEY_LEN, (const unsigned char *)text, strlen(text), out,
		    &len) ||
		len != MAC_LEN)
		return err_set(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	return 0;
}

int object_url(const struct keys *k, const char *base, const struct object_grant *g, char **ret,
	struct err *e)
{
	CLEAN_STR char *key = object_key(g->run_id, g->name);
	unsigned char mac[MAC_LEN];
	char hex[2 * MAC_LEN + 1];

	if (grant_mac(k, g, mac, e) < 0)
		return -1;
	hex_encode(mac, sizeof(mac), hex);
	*ret = xasprintf("%s/objects/%s?id=%" PRId64 "&expires=%" PRId64 "&size=%" PRId64
			 "&signature=%s",
		base, key, g->artifact_id, g->expires_at.us / USEC_PER_SEC, g->size, hex);
	return 0;
}

int object_grant_check(const struct keys *k, const struct object_grant *g, const char *signature,
	struct wall now, struct err *e)
{
	unsigned char mac[MAC_LEN], given[MAC_LEN];

	if (grant_mac(k, g, mac, e) < 0)
		return -1;
	if (!signature || hex_decode(signature, given, sizeof(given)) < 0 ||
		CRYPTO_memcmp(mac, given, MAC_LEN) != 0 || g->expires_at.us <= now.us)
		return err_set(e, ERR_AUTH, "the signature is wrong or has expired");
	return 0;
}

/* ---- writing ---- */

struct object_upload {
	char *folder; /* <data>/objects */
	char *temp;   /* NULL: committed */
	int fd;
	int64_t size, have;
	struct sha256_stream *hash;
	bool synced;
};

struct object_upload *object_upload_begin(const char *data_dir, int64_t size, struct err *e)
{
	struct object_upload *u = xcalloc(1, sizeof(*u));
	char id[UUID_TEXT_MAX];

	uuid_v4(id);
	u->folder = path_join(data_dir, "objects");
	u->temp = xasprintf("%s/tmp/%s", u->folder, id);
	u->size = size;
	u->hash = sha256_begin();
	u->fd = open(u->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->fd < 0) {
		err_set_errno(e, errno, "make an object");
		free_charp(&u->temp);
		object_upload_free(u);
		return NULL;
	}
	return u;
}

int object_upload_add(struct object_upload *u, const void *p, size_t n, struct err *e)
{
	if ((int64_t)n > u->size - u->have)
		return err_set(e, ERR_INPUT, "more than the %" PRId64 " bytes announced", u->size);
	if (fd_write_all(u->fd, p, n, e) < 0)
		return -1;
	sha256_more(u->hash, p, n);
	u->have += (int64_t)n;
	return 0;
}

int object_upload_sync(struct object_upload *u, struct err *e)
{
	if (u->have != u->size)
		return err_set(e, ERR_INPUT, "%" PRId64 " bytes came, expected %" PRId64, u->have,
			u->size);
	if (fsync(u->fd) < 0)
		return err_set_errno(e, errno, "sync an object");
	u->synced = true;
	return 0;
}

int object_upload_end(struct object_upload *u, char ret_digest[OBJECT_DIGEST_MAX], struct err *e)
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX];

	if (!u->synced && object_upload_sync(u, e) < 0)
		return -1;
	sha256_end(TAKE(u->hash), sha);
	hex_encode(sha, sizeof(sha), hex);
	snprintf(ret_digest, OBJECT_DIGEST_MAX, "sha256:%s", hex);
	return 0;
}

static int sync_folder(const char *path, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_set_errno(e, errno, "sync %s", path) : 0;
}

int object_upload_commit(struct object_upload *u, const char *key, struct err *e)
{
	CLEAN_STR char *path = path_join(u->folder, key);
	CLEAN_STR char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	if (dir_ensure_parents(folder, 0700, e) < 0)
		return -1;
	if (rename(u->temp, path) < 0)
		return err_set_errno(e, errno, "put an object in its place");
	free_charp(&u->temp);
	return sync_folder(folder, e);
}

void object_upload_free(struct object_upload *u)
{
	if (!u)
		return;
	if (u->temp)
		unlink(u->temp);
	close_fdp(&u->fd);
	sha256_end(u->hash, NULL);
	free(u->temp);
	free(u->folder);
	free(u);
}

/* ---- reading and deleting ---- */

int object_open(const char *data_dir, const char *key, int64_t *ret_size, struct err *e)
{
	CLEAN_STR char *path = xasprintf("%s/objects/%s", data_dir, key);
	CLEAN_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "there is no such object")
				       : err_set_errno(e, errno, "open an object");
	*ret_size = st.st_size;
	return TAKE_FD(fd);
}

int object_delete(const char *data_dir, const char *key, struct err *e)
{
	CLEAN_STR char *path = xasprintf("%s/objects/%s", data_dir, key);

	if (unlink(path) < 0 && errno != ENOENT)
		return err_set_errno(e, errno, "delete an object");
	for (int up = 0; up < 2; up++) { /* artifacts/, then <run>/; others may stand in them */
		*strrchr(path, '/') = '\0';
		if (rmdir(path) < 0)
			break;
	}
	return 0;
}

int object_store_open(const char *data_dir, struct err *e)
{
	CLEAN_STR char *folder = path_join(data_dir, "objects");
	CLEAN_STR char *temp = path_join(folder, "tmp");
	uint64_t left = 0;

	if (dir_ensure(folder, 0700, e) < 0)
		return -1;
	CLEAN_FD int at = dir_open(folder, e);
	if (at < 0 || (access(temp, F_OK) == 0 && tree_remove(at, "tmp", &left, e) < 0))
		return -1;
	return dir_ensure(temp, 0700, e);
}
