/*
 * The child's answer is 64 digits, so it fits into the pipe and is read after the child has ended;
 * nothing needs to watch the pipe meanwhile.
 */
#include "runner/context/hash_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "artifact/artifact.h"
#include "base/codec.h"
#include "base/fs.h"
#include "base/limits.h"
#include "runner/ipc/channel.h"
#include "runner/context/hash_patterns.h"
#include "runner/context/job.h"

struct hashing {
	struct artifact_result result;
	bool over;
};

static void on_line(void *data, const char *line)
{
	(void)data;
	trace("job", "hashFiles: %s", line);
}

static void on_done(void *data, const struct artifact_result *r)
{
	struct hashing *h = data;

	h->result = *r;
	h->over = true;
}

static int run_child(struct job *j, int out, const char *paths, struct hashing *h, struct err *e)
{
	struct artifact_request r = { .mode = ARTIFACT_HASH, .paths = paths, .hidden = true };
	int sock = channel_start_role(j->out.channel, "artifact", e);
	struct artifact *child;
	int rc;

	if (sock < 0)
		return -1;
	child = artifact_start(j->loop, sock, out, &r, on_line, on_done, h, e);
	if (!child)
		return -1;
	rc = loop_wait(j->loop, &h->over, MONO_NEVER, e);
	artifact_free(child);
	if (rc == 0 && !h->result.ok) {
		*e = h->result.error;
		rc = -1;
	}
	return rc;
}

int hash_files(void *data, const struct strv *patterns, struct buf *out, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(SHA256_HEX_MAX);
	CLEAN_STR char *paths = NULL;
	struct hashing h = { 0 };
	int pipe_fds[2], rc;

	if (hash_patterns(patterns, &paths, e) < 0)
		return -1;
	if (!paths) /* as where nothing matches */
		return 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	rc = run_child(data, pipe_fds[1], paths, &h, e);
	close(pipe_fds[1]);
	if (rc == 0) /* 64 digits at most: they are in the pipe by now */
		rc = fd_read_all(pipe_fds[0], &text, e);
	close(pipe_fds[0]);
	return rc < 0 ? -1 : buf_add(out, text.data, text.len);
}
