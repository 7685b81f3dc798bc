/*
 * The index and the pack from which large files are streamed: two bytes say how much of the input
 * is the index. Both are written by libgit2 in the product; here they are anything.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/limits.h"
#include "checkout/pack_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const char *dir, const char *name, const void *p, size_t n)
{
	CLEAN_STR char *path = path_join(dir, name);
	CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, p, n, NULL) < 0)
		abort();
}

static const char *folder(void)
{
	static char dir[64];

	if (!*dir) {
		snprintf(dir, sizeof(dir), "/tmp/fuzz-pack-%d", (int)getpid());
		if (mkdir(dir, 0700) < 0)
			abort();
	}
	return dir;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(pack_blob_close) struct pack_blob b = { .fd = -1 };
	CLEAN_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct err e = { 0 };
	git_oid id;

	if (size < 22)
		return 0;
	size_t index = (size_t)data[0] << 8 | data[1];
	memcpy(id.id, data + 2, 20);
	data += 22;
	size -= 22;
	if (index > size)
		index = size;
	put(folder(), "p.idx", data, index);
	put(folder(), "p.pack", data + index, size - index);
	int rc = pack_blob_find(folder(), &id, &b, &e);
	if (rc > 0 && b.size < MIB(64))
		rc = pack_blob_write(&b, null, &e);
	if (rc < 0 && !e.text[0])
		abort();
	return 0;
}
