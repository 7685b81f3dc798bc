/*
 * The child: becomes the step user, takes one request, confines itself, packs or unpacks. When it
 * packs it may read one folder and write one descriptor; when it unpacks it may write below one
 * folder. It needs the archive's descriptor before it is confined, so that one comes first.
 */
#include "artifact/role.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "artifact/message.h"
#include "artifact/pattern.h"
#include "base/cli.h"
#include "base/codec.h"
#include "base/message/frame.h"
#include "base/fs.h"
#include "base/limits.h"
#include "sandbox/child_report.h"
#include "sandbox/confine.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

enum { SOCKET = 3, CPU_SECONDS = 3600, OPEN_FILES = 512 /* one a level of the walk */ };
#define ADDRESS_SPACE GIB(2)

/* ---- reports to the job ---- */

static void send_line(void *data UNUSED, const char *line)
{
	child_send_line(SOCKET, line);
}

static void send_result(const struct artifact_result *r)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);

	if (artifact_result_encode(r, &text, NULL) == 0)
		child_send_text(SOCKET, buf_slice(&text));
}

/* The job sends nothing after its request: what can be read is its end. */
static bool still_wanted(void *data)
{
	char c;

	(void)data;
	return recv(SOCKET, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EWOULDBLOCK);
}

static const struct artifact_watch watch = { .line = send_line, .wanted = still_wanted };

/* ---- packing ---- */

/* The folder that holds all places where patterns begin. 1 with *ret_fd and *ret_path, 0 when it
 * does not exist, -1. */
static int open_root(
	const struct pattern_list *patterns, int *ret_fd, char **ret_path, struct err *e)
{
	CLEAN_STR char *path = pattern_list_root(patterns);

	for (;;) {
		int fd = open_beneath(
			AT_FDCWD, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e);

		if (fd >= 0) {
			*ret_fd = fd;
			*ret_path = TAKE(path);
			return 1;
		}
		/* a file or link: the folder that it is in */
		char *slash = strrchr(path, '/');
		if (e->errnum == ENOENT)
			return 0;
		if ((e->errnum != ENOTDIR && e->errnum != ELOOP) || !*path)
			return -1;
		err_clear(e);
		*(slash ? slash : path) = '\0';
	}
}

static int confine_to(const char *only, bool writable, struct err *e)
{
	const struct landlock_path paths[] = { { only, writable } };

	return landlock_restrict(paths, ARRAY_LEN(paths), true, e) < 0 ? -1 : 0;
}

static int pack(
	int workspace, int archive, const struct artifact_request *r, struct artifact_result *ret)
{
	CLEANUP(pattern_list_release) struct pattern_list patterns = { 0 };
	CLEAN_STR char *root_path = NULL;
	CLEAN_FD int root = -1;
	struct pack_spec spec = { .patterns = &patterns,
		.level = (int)r->level,
		.hidden = r->hidden,
		.out = archive,
		.watch = &watch };
	struct err *e = &ret->error;

	if (r->mode == ARTIFACT_HASH) /* before confinement: it may load what it hashes with */
		spec.hash = sha256_begin();

	if (confine_limits(&(struct confine_limits){ .open_files = OPEN_FILES,
				   .cpu_seconds = CPU_SECONDS,
				   .address_space = ADDRESS_SPACE },
		    e) < 0)
		return -1;
	if (fchdir(workspace) < 0)
		return err_set_errno(e, errno, "enter the workspace");
	if (confine_to(".", false, e) < 0 || pattern_list_parse(r->paths, &patterns, e) < 0)
		return -1;
	int found = open_root(&patterns, &root, &root_path, e);
	if (found <= 0) {
		if (found == 0)
			err_clear(e);
		return found;
	}
	spec.root = root;
	spec.root_path = root_path;
	/* from here on not even a path can be resolved other than below a descriptor */
	return seccomp_load_child(SECCOMP_ARTIFACT_PACK, e) < 0 ? -1 : artifact_pack(&spec, ret, e);
}

/* ---- unpacking ---- */

static int unpack(
	int workspace, int archive, const struct artifact_request *r, struct artifact_result *ret)
{
	struct err *e = &ret->error;
	CLEAN_FD int target = -1;

	if (confine_limits(&(struct confine_limits){ .file_size = LIMIT_ARTIFACT_FILE,
				   .open_files = OPEN_FILES,
				   .cpu_seconds = CPU_SECONDS,
				   .address_space = ADDRESS_SPACE },
		    e) < 0)
		return -1;
	target = dir_ensure_beneath(workspace, r->path, 0755, e);
	if (target < 0)
		return err_wrap(e, "path");
	if (fchdir(target) < 0)
		return err_set_errno(e, errno, "enter the target folder");
	if (confine_to(".", true, e) < 0 || seccomp_load_child(SECCOMP_ARTIFACT_UNPACK, e) < 0)
		return -1;
	return artifact_unpack(archive, target, &watch, ret, e);
}

static int work(int workspace, struct artifact_result *ret)
{
	CLEANUP(frame_reader_release) struct frame_reader in = { 0 };
	CLEANUP(artifact_order_release) struct artifact_order order = { 0 };
	CLEAN_FD int archive = -1;
	struct err *e = &ret->error;
	struct slice text;

	frame_reader_init(&in, FRAME_SMALL);
	if (frame_recv_fd(SOCKET, &archive, e) < 0 || frame_recv(&in, SOCKET, &text, e) < 0 ||
		artifact_request_decode(text, &order, e) < 0)
		return -1;
	return order.r.mode == ARTIFACT_UNPACK ? unpack(workspace, archive, &order.r, ret)
					       : pack(workspace, archive, &order.r, ret);
}

int artifact_role_main(int argc, char **argv)
{
	int workspace = -1;
	struct artifact_result result = { 0 };
	int rc = confine_begin(argc, argv, SOCKET, &workspace, &result.error);

	if (rc > 0)
		return rc == 1 ? EXIT_OK : EXIT_USAGE;
	if (rc == 0)
		result.ok = work(workspace, &result) == 0;
	/* the archive's descriptor is closed by now: its reader sees the end before the result */
	send_result(&result);
	_exit(result.ok ? EXIT_OK : EXIT_FINDINGS); /* what runs at exit is not in the filter */
}
