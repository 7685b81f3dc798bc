/*
 * The order matters: the workspace is opened before the user changes, because its parents may be
 * closed to that user, and the death signal is asked for after it, because the kernel forgets it on
 * a change.
 */
#include "sandbox/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cli.h"
#include "base/exits.h"
#include "base/fs.h"
#include "sandbox/drop.h"

/* A changed uid makes the kernel forget what the parent had asked for. */
void confine_die_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

/* Without SIGPIPE and SIGXFSZ a closed pipe and a full file are errors to report. */
static int become_user(int64_t uid, int64_t gid, struct err *e)
{
	struct drop_spec spec = { .uid = (uid_t)uid, .gid = (gid_t)gid };

	if (drop_privileges(&spec, e) < 0)
		return -1;
	confine_die_with_parent();
	umask(022);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return 0;
}

/* When memory runs out the kernel takes this child before the runner, whose own score (a unit's
 * OOMScoreAdjust) it inherited. Without /proc its size alone decides. Before the user changes:
 * after that the file is root's. */
static void offer_to_oom_killer(void)
{
	CLEAN_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		IGNORE_RESULT(write(fd, "1000", 4), "its size then decides");
}

int confine_begin(int argc, char **argv, int socket, int *ret_workspace, struct err *e)
{
	int64_t uid = -1, gid = -1;
	const char *path = NULL;
	const struct cli_flag flags[] = {
		{ "uid", CLI_INT, &uid, "N", "user to become", 0, UINT32_MAX - 1, true },
		{ "gid", CLI_INT, &gid, "N", "group to become", 0, UINT32_MAX - 1, true },
		{ "workspace", CLI_STRING, &path, "DIR", "whose files", .required = true },
	};
	char **rest;
	struct stat st;
	int n, rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 0, &rest, &n);

	if (rc)
		return rc > 0 ? 1 : 2;
	if (fstat(socket, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		cli_fail(EXIT_USAGE, "%s: descriptor %d must be a socket", argv[0], socket);
		return 2;
	}
	offer_to_oom_killer();
	*ret_workspace = dir_open(path, e);
	return *ret_workspace < 0 ? -1 : become_user(uid, gid, e);
}

static int limit(int what, rlim_t most, struct err *e)
{
	struct rlimit now;

	if (getrlimit((__rlimit_resource_t)what, &now) < 0)
		return err_set_errno(e, errno, "read limit %d", what);
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)
		now.rlim_max = most;
	now.rlim_cur = now.rlim_max;
	if (setrlimit((__rlimit_resource_t)what, &now) < 0)
		return err_set_errno(e, errno, "set limit %d", what);
	return 0;
}

int confine_limits(const struct confine_limits *l, struct err *e)
{
	if (limit(RLIMIT_CORE, 0, e) < 0 || limit(RLIMIT_NOFILE, l->open_files, e) < 0 ||
		limit(RLIMIT_CPU, l->cpu_seconds, e) < 0 ||
		limit(RLIMIT_FSIZE, l->file_size, e) < 0)
		return -1;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* the shadow memory alone is larger than any sensible limit */
	if (limit(RLIMIT_AS, l->address_space, e) < 0)
		return -1;
#endif
	return 0;
}
