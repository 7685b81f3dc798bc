/*
 * The tree writer: waits for its order, confines itself, then turns pack bytes into files.
 *
 * It empties and enters the target before it is confined, because Landlock then allows that folder
 * alone. Nothing is written to the tree before the fetcher says that the pack was whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/exits.h"
#include "base/fs.h"
#include "base/late/late.h"
#include "base/message/frame.h"
#include "base/limits.h"
#include "checkout/convert.h"
#include "checkout/message.h"
#include "checkout/role.h"
#include "checkout/role_common.h"
#include "checkout/tree.h"
#include "sandbox/child_report.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

enum { READ_BYTES = 256 << 10 };

/* A second checkout into the same folder starts from nothing, as `clean: true` promises. */
static int empty_folder(int dirfd, struct err *e)
{
	int list = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = list < 0 ? NULL : fdopendir(list);
	uint64_t left = 0;
	int rc = 0;

	if (!d) {
		err_set_errno(e, errno, "list the target");
		close_fdp(&list);
		return -1;
	}
	for (struct dirent *ent; rc == 0 && (ent = readdir(d));)
		if (!str_eq(ent->d_name, ".") && !str_eq(ent->d_name, ".."))
			rc = tree_remove(dirfd, ent->d_name, &left, e);
	closedir(d);
	if (rc == 0 && left)
		rc = err_set(e, ERR_CONFLICT, "%" PRIu64 " old entries cannot be removed", left);
	return rc < 0 ? err_wrap(e, "empty the target") : 0;
}

static int enter_target(int workspace, const struct checkout_request *r, struct err *e)
{
	CLEAN_FD int target = dir_ensure_beneath(workspace, r->path ? r->path : ".", 0755, e);

	if (target < 0)
		return err_wrap(e, "checkout path");
	if (!r->keep && empty_folder(target, e) < 0)
		return -1;
	return fchdir(target) < 0 ? err_set_errno(e, errno, "enter the target") : 0;
}

static int confine_writer(struct err *e)
{
	static const struct landlock_path paths[] = {
		{ ".", true },
		{ "/dev/urandom", false },
		{ "/etc/localtime", false },
	};

	if (late_load(&late_git2, e) < 0 || role_limits(true, e) < 0)
		return err_wrap(e, "tree writer");
	if (landlock_restrict(paths, ARRAY_LEN(paths), true, e) < 0)
		return -1;
	return seccomp_load_child(SECCOMP_CHECKOUT_TREE, e);
}

static int index_stream(struct tree *t, int pack_fd, struct err *e)
{
	CLEAN_STR char *block = xmalloc(READ_BYTES);

	for (;;) {
		ssize_t n = read(pack_fd, block, READ_BYTES);

		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read the pack");
		if (tree_append(t, block, (size_t)n, e) < 0)
			return -1;
	}
}

static void report_received(int control, const struct checkout_result *r)
{
	bool large = r->pack_bytes >= MIB(1);
	CLEAN_STR char *line = xasprintf("Received %" PRIu64 " objects, %.1f %s", r->objects,
		(double)r->pack_bytes / (double)(large ? MIB(1) : KIB(1)), large ? "MiB" : "KiB");

	child_send_line(control, line);
}

/* git leaves such a file as it is stored, with a message. */
static void report_unencoded(int control, const char *path)
{
	CLEAN_STR char *shown = path ? text_escaped(path) : NULL;
	CLEAN_STR char *line = xasprintf("warning: \"%.400s\" cannot be written in its "
					 "working-tree-encoding and is left as it is stored",
		path ? shown : "");

	if (path)
		child_send_line(control, line);
}

static int report_submodules(int control, const struct submodule_list *l, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);

		if (submodule_encode(&l->v[i], &text, e) < 0 ||
			frame_send(control, buf_slice(&text), e) < 0)
			return -1;
	}
	return 0;
}

static int write_tree(int workspace, const struct checkout_request *r, struct frame_reader *in,
	int pack_fd, int control, struct checkout_result *ret)
{
	struct err *e = &ret->error;
	struct slice text;
	CLEANUP(end_message_release) struct end_message end = { 0 };
	CLEANUP(tree_freep) struct tree *t = NULL;

	convert_prepare();
	if (enter_target(workspace, r, e) < 0 || confine_writer(e) < 0)
		return -1;
	t = tree_open(r, e);
	if (!t || index_stream(t, pack_fd, e) < 0)
		return -1;
	/* only the fetcher knows whether the pack was whole; without its word nothing is written */
	if (frame_recv(in, control, &text, e) < 0 || end_decode(text, &end, e) < 0 ||
		tree_index(t, ret, e) < 0)
		return -1;
	report_received(control, ret);
	if (tree_finish(t, &end, ret, e) < 0)
		return -1;
	report_unencoded(control, tree_unencoded(t));
	CLEAN_STR char *line = xasprintf("HEAD is now at %s", ret->sha);
	child_send_line(control, line);
	return report_submodules(control, tree_submodules(t), e);
}

int role_write(int pack_fd, int control, int workspace)
{
	CLEANUP(frame_reader_release) struct frame_reader in = { 0 };
	CLEANUP(request_copy_release) struct request_copy order = { 0 };
	struct checkout_result result = { 0 };
	struct slice text;

	frame_reader_init(&in, FRAME_LARGE);
	if (frame_recv(&in, control, &text, &result.error) < 0)
		return EXIT_FINDINGS; /* the fetcher got no request: nobody to tell */
	int rc = request_decode(text, &order, &result.error);
	frame_drop(&in);
	if (rc == 0) {
		struct checkout_request r = request_view(&order);

		rc = checkout_request_check(&r, &result.error);
		if (rc == 0)
			rc = write_tree(workspace, &r, &in, pack_fd, control, &result);
	}
	result.ok = rc == 0;
	role_send_result(control, &result);
	return rc == 0 ? EXIT_OK : EXIT_FINDINGS;
}
