/*
 * The parent copies it when the job is over, and nobody else writes meanwhile: no lock is needed,
 * and the bytes stay as they are.
 */
#include "runner/local/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

int local_output_open(const char *dir, struct err *e)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? err_set_errno(e, errno, "a file for the output of a job in %s", dir) : fd;
}

void local_output_show(int *fd)
{
	char block[KIB(16)];
	struct err e = { 0 };
	off_t at = 0;
	ssize_t n;

	fflush(stdout);
	while (*fd >= 0 && (n = pread(*fd, block, sizeof(block), at)) > 0) {
		at += n;
		if (fd_write_all(STDOUT_FILENO, block, (size_t)n, &e) < 0) {
			log_warn("exec", "output_gone", F_ERR(&e));
			break;
		}
	}
	close_fdp(fd);
}
