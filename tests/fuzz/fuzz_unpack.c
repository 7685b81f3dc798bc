/* An archive as a download leaves it, gzip and all, unpacked into a folder that must stay the
 * border. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#include "artifact/role.h"
#include "base/fs.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_line(void *data UNUSED, const char *line UNUSED)
{
}

static bool wanted(void *data UNUSED)
{
	return true;
}

/* First byte even: the rest is the tar, compressed here, so that the checksum is right. */
static int archive_of(const uint8_t *data, size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		abort();
	if (data[0] & 1) {
		if (fd_write_all(fd, data + 1, size - 1, NULL) < 0)
			abort();
		return fd;
	}
	gzFile z = gzdopen(dup(fd), "wb1");
	if (!z || (size > 1 && gzwrite(z, data + 1, (unsigned)size - 1) == 0) || gzclose(z) != Z_OK)
		abort();
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct artifact_watch watch = { .line = no_line, .wanted = wanted };
	struct artifact_result result = { 0 };
	struct err e = { 0 };
	char name[64];

	if (size == 0 || size > MIB(1))
		return 0;
	CLEAN_FD int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(name, sizeof(name), "fuzz-unpack-%d", (int)getpid());
	if (mkdirat(tmp, name, 0700) < 0)
		abort();
	CLEAN_FD int target = openat(tmp, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD int archive = archive_of(data, size);
	if (artifact_unpack(archive, target, &watch, &result, &e) < 0 && !e.text[0])
		abort();
	if (tree_remove(tmp, name, NULL, NULL) < 0)
		abort();
	return 0;
}
