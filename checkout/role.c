/*
 * The child is split before it reads anything: the tree writer is forked first, so the token never
 * exists in its memory. What parses hostile packs has no network and no secret; what holds the
 * secret and talks to the network writes no file.
 *
 *   job ──3── fetcher (network, token) ──pipe: pack bytes──▶ tree writer (workspace)
 *                     └──────────────── control: order, end ▶
 *                     ◀──────────────── lines, result ──────┘
 *
 * Either end closing its socket ends the others: the fetcher watches the job, the kernel kills the
 * writer with the fetcher (a Landlock domain may not signal its sibling).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/exits.h"
#include "base/fs.h"
#include "checkout/role.h"
#include "checkout/role_common.h"
#include "sandbox/confine.h"

enum { PIPE_BYTES = 1 << 20 };

static int run_writer(pid_t fetcher, const int pack[2], const int control[2], int workspace)
{
	close(CHECKOUT_SOCKET);
	close(pack[1]);
	close(control[0]);
	confine_die_with_parent();
	if (getppid() != fetcher)
		return EXIT_FINDINGS;
	return role_write(pack[0], control[1], workspace);
}

static int split(int workspace, struct err *e)
{
	pid_t self = getpid();
	int pack[2], control[2];

	if (pipe2(pack, O_CLOEXEC) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
		return err_set_errno(e, errno, "pipes");
	fcntl(pack[1], F_SETPIPE_SZ, PIPE_BYTES); /* smaller is only slower */
	pid_t writer = fork();
	if (writer < 0)
		return err_set_errno(e, errno, "fork");
	if (writer == 0)
		_exit(run_writer(self, pack, control, workspace));
	close(workspace);
	close(pack[0]);
	close(control[1]);
	_exit(role_fetch(CHECKOUT_SOCKET, pack[1], control[0], writer));
}

int checkout_role_main(int argc, char **argv)
{
	int workspace = -1;
	struct checkout_result failed = { 0 };
	int rc = confine_begin(argc, argv, CHECKOUT_SOCKET, &workspace, &failed.error);

	if (rc > 0)
		return rc == 1 ? EXIT_OK : EXIT_USAGE;
	if (rc < 0 || split(workspace, &failed.error) < 0)
		role_send_result(CHECKOUT_SOCKET, &failed);
	return EXIT_FINDINGS;
}
