/*
 * The processes of a local copy. The reader forks the writer before it drops anything, as only
 * then it may become the step user; then each side gives up what it does not need.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cli.h"
#include "base/message/frame.h"
#include "base/fs.h"
#include "base/limits.h"
#include "checkout/message.h"
#include "checkout/role.h"
#include "checkout/role_common.h"
#include "runner/helper/local_copy.h"
#include "runner/ipc/role.h"
#include "sandbox/child_report.h"
#include "sandbox/confine.h"
#include "sandbox/drop.h"
#include "sandbox/landlock.h"

struct copy_role {
	int64_t uid, gid;
	const char *workspace, *label;
	bool serve, history;
	pid_t writer;
	int sock; /* to the writer */
	struct copy_source sources[2];
	size_t n_sources;
};

static int drop_writer(const struct copy_role *r, int workspace, struct err *e)
{
	static const struct landlock_path paths[] = { { ".", true } };
	struct drop_spec drop = { .uid = (uid_t)r->uid, .gid = (gid_t)r->gid };

	/* safe: the descriptor is of the workspace that the janitor made for this job */
	if (fchdir(workspace) < 0)
		return err_set_errno(e, errno, "enter the workspace");
	if (drop_privileges(&drop, e) < 0)
		return -1;
	confine_die_with_parent();
	umask(022);
	return landlock_restrict(paths, ARRAY_LEN(paths), true, e) < 0 ? -1 : 0;
}

static int run_writer(const struct copy_role *r, int workspace, int sock, pid_t reader)
{
	struct err e = { 0 };

	if (drop_writer(r, workspace, &e) < 0) {
		fprintf(stderr, "copy of the work tree: %s\n", e.text);
		return EXIT_FINDINGS;
	}
	if (getppid() != reader)
		return EXIT_FINDINGS;
	/* the reason went to the reader, who says it once */
	return local_copy_receive(sock, workspace, &e) < 0 ? EXIT_FINDINGS : EXIT_OK;
}

/* Before anything is dropped: the workspace may stand below folders that only we may pass. */
static int start_writer(struct copy_role *r, struct err *e)
{
	CLEAN_FD int workspace =
		open(r->workspace, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	pid_t self = getpid();
	int pair[2];

	if (workspace < 0)
		return err_set_errno(e, errno, "open %s", r->workspace);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(e, errno, "socket to the writer");
	r->writer = fork();
	if (r->writer < 0)
		return err_set_errno(e, errno, "fork");
	if (r->writer == 0) {
		close(pair[0]);
		close(ROLE_FD_SOURCE);
		close(ROLE_FD_FILES);
		if (r->history) {
			close(ROLE_FD_HISTORY);
			close(ROLE_FD_HISTORY_FILES);
		}
		if (r->serve)
			close(ROLE_FD_CHANNEL);
		_exit(run_writer(r, workspace, pair[1], self));
	}
	close(pair[1]);
	r->sock = pair[0];
	return 0;
}

/* Root reads like root, but nothing more; anybody else reads what they may. */
static int drop_reader(struct err *e)
{
	static const int wanted[] = { CAP_DAC_READ_SEARCH };
	struct drop_spec drop = { .uid = (uid_t)-1, .gid = (gid_t)-1, .keep_groups = true };

	cap_flag_value_t have = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	if (!caps)
		return err_set_errno(e, errno, "read capabilities");
	if (cap_get_flag(caps, wanted[0], CAP_PERMITTED, &have) == 0 && have == CAP_SET) {
		drop.keep_caps = wanted;
		drop.n_keep_caps = 1;
	}
	cap_free(caps);
	return drop_privileges(&drop, e);
}

static int add_source(struct copy_role *r, int folder, int files, struct err *e)
{
	struct stat st;
	void *p;

	if (fstat(files, &st) < 0)
		return err_set_errno(e, errno, "list of files");
	if (st.st_size == 0)
		return 0;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, files, 0);
	if (p == MAP_FAILED)
		return err_set_errno(e, errno, "list of files");
	r->sources[r->n_sources++] = (struct copy_source){ folder, p, (size_t)st.st_size };
	return 0;
}

static int add_sources(struct copy_role *r, struct err *e)
{
	if (add_source(r, ROLE_FD_SOURCE, ROLE_FD_FILES, e) < 0)
		return -1;
	return r->history ? add_source(r, ROLE_FD_HISTORY, ROLE_FD_HISTORY_FILES, e) : 0;
}

static int copy(const struct copy_role *r, const char *target, struct copy_counts *c, struct err *e)
{
	return local_copy_send(r->sock, r->sources, r->n_sources, target, c, e);
}

/* ---- serving a checkout ---- */

static void say_copied(const struct copy_role *r, const char *path, const struct copy_counts *c)
{
	uint64_t n = c->files + c->links;
	CLEAN_STR char *line = xasprintf("Copied %s to %s: %" PRIu64 " file%s, %" PRIu64 " KiB",
		r->label, path, n, n == 1 ? "" : "s", (c->bytes + 1023) >> 10);

	child_send_line(ROLE_FD_CHANNEL, line);
}

static int answer(const struct copy_role *r, struct checkout_result *ret, struct err *e)
{
	CLEANUP(request_copy_release) struct request_copy request = { 0 };
	CLEANUP(frame_reader_release) struct frame_reader in;
	struct copy_counts counts = { 0 };
	struct slice text;

	frame_reader_init(&in, FRAME_SMALL);
	if (frame_recv(&in, ROLE_FD_CHANNEL, &text, e) < 0 || request_decode(text, &request, e) < 0)
		return -1;
	if (str_empty(request.path) || str_eq(request.path, ".")) {
		CLEAN_STR char *line =
			xasprintf("Local run: the workspace holds a copy of %s, nothing is fetched",
				r->label);

		child_send_line(ROLE_FD_CHANNEL, line);
		return 0;
	}
	if (copy(r, request.path, &counts, e) < 0)
		return -1;
	ret->files = counts.files + counts.links;
	say_copied(r, request.path, &counts);
	return 0;
}

static int serve(const struct copy_role *r)
{
	struct checkout_result result = { 0 };

	result.ok = answer(r, &result, &result.error) == 0;
	role_send_result(ROLE_FD_CHANNEL, &result);
	return result.ok ? EXIT_OK : EXIT_FINDINGS;
}

/* ---- life ---- */

static int copy_or_serve(struct copy_role *r, struct err *e)
{
	struct copy_counts counts = { 0 };

	if (start_writer(r, e) < 0 || drop_reader(e) < 0)
		return -1;
	confine_die_with_parent();
	if (add_sources(r, e) < 0)
		return -1;
	if (r->serve)
		return serve(r);
	return copy(r, ".", &counts, e) < 0 ? -1 : EXIT_OK;
}

int local_copy_role_main(int argc, char **argv)
{
	struct copy_role r = { .uid = -1, .gid = -1, .sock = -1 };
	const struct cli_flag flags[] = {
		{ "uid", CLI_INT, &r.uid, "N", "step user", 0, UINT32_MAX - 1, true },
		{ "gid", CLI_INT, &r.gid, "N", "step group", 0, UINT32_MAX - 1, true },
		{ "workspace", CLI_STRING, &r.workspace, "DIR", "where to", .required = true },
		{ "label", CLI_STRING, &r.label, "TEXT", "what is copied", .required = true },
		{ "history", CLI_BOOL, &r.history, .help = "a .git is copied too" },
		{ "serve", CLI_BOOL, &r.serve, .help = "answer one checkout request" },
	};
	struct err e = { 0 };
	char **args;
	int n, status = 0, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &args, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	rc = copy_or_serve(&r, &e);
	close_fdp(&r.sock); /* ends a writer that still waits */
	if (r.writer > 0)
		waitpid(r.writer, &status, 0);
	if (rc < 0)
		fprintf(stderr, "copy of the work tree: %s\n", e.text);
	return rc < 0 ? EXIT_FINDINGS : rc;
}
