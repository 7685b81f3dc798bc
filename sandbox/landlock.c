/*
 * A right that the ruleset handles is denied everywhere but below a path that allows it. So all
 * rights of the probed ABI are handled, and only reading, plain writing and (where a child starts
 * programs) executing are ever allowed.
 *
 * Debian 12's headers stop at ABI 2; what came later is defined here by its stable numbers. Remove
 * them when the oldest supported distribution has a 6.12 header.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/landlock.h"

#define FS_TRUNCATE (UINT64_C(1) << 14) /* ABI 3 */
#define NET_BIND_TCP (UINT64_C(1) << 0) /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)       /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define FS_ABI1 ((UINT64_C(1) << 13) - 1)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |       \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |    \
		LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
/* A rule on a file may carry only rights that make sense for files, or the kernel answers EINVAL.
 */
#define FS_OF_FILE                                                                    \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE | \
		LANDLOCK_ACCESS_FS_EXECUTE)

struct ruleset_attr {
	uint64_t fs, net, scoped;
};

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static struct ruleset_attr handled(int abi, bool deny_net)
{
	struct ruleset_attr a = { .fs = FS_ABI1 };

	if (abi >= 2)
		a.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		a.fs |= FS_TRUNCATE;
	if (abi >= 4 && deny_net)
		a.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		a.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		a.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return a;
}

static size_t attr_size(int abi)
{
	if (abi >= 6)
		return sizeof(struct ruleset_attr);
	return abi >= 4 ? offsetof(struct ruleset_attr, scoped)
			: offsetof(struct ruleset_attr, net);
}

static int allow_path(int ruleset, uint64_t fs, const struct landlock_path *p, struct err *e)
{
	CLEAN_FD int fd = open(p->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fd < 0 && errno == ENOENT && !p->writable)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "%s", p->path);
	rule.allowed_access = FS_READ | (p->writable ? FS_WRITE : 0) |
			      (p->executable ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
	rule.allowed_access &= fs;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILE;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_set_errno(e, errno, "rule for %s", p->path);
	return 0;
}

int landlock_restrict(const struct landlock_path *paths, size_t n, bool deny_net, struct err *e)
{
	int abi = landlock_abi();
	struct ruleset_attr attr = handled(abi, deny_net);
	CLEAN_FD int ruleset = -1;

	if (abi == 0)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(abi), 0);
	if (ruleset < 0)
		return err_set_errno(e, errno, "landlock: create ruleset");
	for (size_t i = 0; i < n; i++)
		if (allow_path(ruleset, attr.fs, &paths[i], e) < 0)
			return err_wrap(e, "landlock");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "landlock: no_new_privs");
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_set_errno(e, errno, "landlock: restrict");
	return 1;
}
