/*
 * What a step profile is asked about, whoever wrote it. Names that an architecture lacks are left
 * out there. An argument rule is asked about the value with a high bit set too: the filter sees 64
 * bits where the kernel takes 32.
 *
 * DENY_OURS is what the built-in profile denies and the default of Docker does not: such a profile
 * confines for less, and a runner takes it with a warning. Everything else no profile may allow.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sandbox/seccomp_eval.h"

#define HIGH (UINT64_C(1) << 32)
#define DENY(n, why, ...)           \
	{                           \
		n, PROBE_DENY, why, \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define DENY_OURS(n, why, ...)                            \
	{                                                 \
		n, PROBE_DENY, why, { __VA_ARGS__ }, true \
	}
#define NEED(n, ...)                                       \
	{                                                  \
		n, PROBE_ALLOW, "no step runs without it", \
		{                                          \
			__VA_ARGS__                        \
		}                                          \
	}

const struct seccomp_probe seccomp_probes[] = {
	DENY("unshare", "makes namespaces", CLONE_NEWUSER),
	DENY("unshare", "makes namespaces", CLONE_NEWNS),
	DENY("clone", "makes a user namespace", CLONE_NEWUSER | SIGCHLD),
	DENY("clone", "makes a user namespace", HIGH | CLONE_NEWUSER | SIGCHLD),
	DENY("clone", "makes a mount namespace", CLONE_NEWNS | SIGCHLD),
	DENY("clone", "makes a network namespace", CLONE_NEWNET | SIGCHLD),
	DENY("clone", "makes a PID namespace", CLONE_NEWPID | SIGCHLD),
	DENY("clone", "makes an IPC namespace", CLONE_NEWIPC | SIGCHLD),
	DENY("clone", "makes a UTS namespace", CLONE_NEWUTS | SIGCHLD),
	DENY("clone", "makes a cgroup namespace", CLONE_NEWCGROUP | SIGCHLD),
	DENY_OURS("io_setup", "takes from a limit of the whole host (fs.aio-nr)", 1),
	{ "clone3", PROBE_ENOSYS, "its flags stand where no filter sees them; libraries fall back",
		{ 0 } },
	DENY("setns", "enters namespaces", 0),
	DENY("mount", "mounts", 0),
	DENY("umount2", "unmounts", 0),
	DENY("pivot_root", "changes the root", 0),
	DENY("chroot", "changes the root", 0),
	DENY("fsopen", "mounts", 0),
	DENY("fsconfig", "mounts", 0),
	DENY("fsmount", "mounts", 0),
	DENY("fspick", "mounts", 0),
	DENY("move_mount", "mounts", 0),
	DENY("open_tree", "mounts", 0),
	DENY("mount_setattr", "mounts", 0),
	DENY("bpf", "loads programs into the kernel", 0),
	DENY("create_module", "loads modules", 0),
	DENY("init_module", "loads modules", 0),
	DENY("finit_module", "loads modules", 0),
	DENY("delete_module", "unloads modules", 0),
	DENY("kexec_load", "replaces the kernel", 0),
	DENY("kexec_file_load", "replaces the kernel", 0),
	DENY("reboot", "reboots", 0),
	DENY("swapon", "changes swap", 0),
	DENY("swapoff", "changes swap", 0),
	DENY("keyctl", "reaches keyrings that no namespace separates", 0),
	DENY("add_key", "reaches keyrings that no namespace separates", 0),
	DENY("request_key", "reaches keyrings that no namespace separates", 0),
	DENY("perf_event_open", "watches the kernel", 0),
	DENY("lookup_dcookie", "watches the kernel", 0),
	DENY("fanotify_init", "watches files of others", 0),
	DENY("userfaultfd", "a help to kernel exploits", 0),
	DENY_OURS("io_uring_setup", "runs calls past the filter", 0),
	DENY_OURS("io_uring_enter", "runs calls past the filter", 0),
	DENY_OURS("io_uring_register", "runs calls past the filter", 0),
	DENY_OURS("ptrace", "rewrites calls of other processes", 16 /* PTRACE_ATTACH */, 1),
	DENY_OURS("ptrace", "rewrites calls of other processes", 0x4206 /* PTRACE_SEIZE */, 1),
	DENY_OURS("process_vm_readv", "reads other processes", 1),
	DENY_OURS("process_vm_writev", "writes other processes", 1),
	DENY("process_madvise", "steers memory of other processes", 0),
	DENY("kcmp", "tells kernel addresses apart", 0),
	DENY("pidfd_getfd", "takes descriptors of other processes", 0),
	DENY("open_by_handle_at", "opens files outside the root", 0),
	DENY_OURS("name_to_handle_at", "names files outside the root", 0),
	DENY_OURS("modify_ldt", "a help to kernel exploits", 0),
	DENY("vm86", "a help to kernel exploits", 0),
	DENY("uselib", "a help to kernel exploits", 0),
	DENY("personality", "switches address randomisation off", 0x40000),
	DENY("acct", "administration", 0),
	DENY("quotactl", "administration", 0),
	DENY("vhangup", "administration", 0),
	DENY("settimeofday", "sets the clock", 0),
	DENY("clock_settime", "sets the clock", 0),
	DENY_OURS("clock_adjtime", "sets the clock", 0),
	DENY_OURS("adjtimex", "sets the clock", 0),
	DENY("sethostname", "administration", 0),
	DENY("setdomainname", "administration", 0),
	DENY("syslog", "reads the kernel log", 0),
	DENY("iopl", "reaches hardware ports", 3),
	DENY("ioperm", "reaches hardware ports", 0),
	DENY_OURS("ioctl", "types into a terminal", 0, TIOCSTI),
	DENY_OURS("ioctl", "types into a terminal", 0, HIGH | TIOCSTI),
	DENY_OURS("ioctl", "leaves the project quota of its workspace", 0, FS_IOC_FSSETXATTR),
	DENY_OURS(
		"ioctl", "leaves the project quota of its workspace", 0, HIGH | FS_IOC_FSSETXATTR),
	DENY_OURS("ioctl", "leaves the project quota of its workspace", 0, FS_IOC_SETFLAGS),
	DENY_OURS("ioctl", "leaves the project quota of its workspace", 0, HIGH | FS_IOC_SETFLAGS),
	DENY_OURS("socket", "opens AF_VSOCK", AF_VSOCK, SOCK_STREAM),
	DENY_OURS("socket", "opens AF_VSOCK", HIGH | AF_VSOCK, SOCK_STREAM),
	DENY_OURS("socket", "opens AF_ALG", AF_ALG, SOCK_SEQPACKET),
	DENY_OURS("socket", "opens AF_ALG", HIGH | AF_ALG, SOCK_SEQPACKET),
	DENY_OURS("socket", "opens AF_PACKET", AF_PACKET, SOCK_RAW),
	DENY_OURS("socket", "opens AF_PACKET", HIGH | AF_PACKET, SOCK_RAW),
	DENY_OURS("socket", "opens AF_BLUETOOTH", AF_BLUETOOTH, SOCK_RAW),
	DENY_OURS("socket", "opens AF_TIPC", AF_TIPC, SOCK_STREAM),
	DENY_OURS("socket", "opens AF_XDP", AF_XDP, SOCK_RAW),
	DENY_OURS("socket", "opens AF_KEY", AF_KEY, SOCK_RAW),
	DENY_OURS("socket", "opens AF_CAN", AF_CAN, SOCK_RAW),
	DENY_OURS("socket", "opens AF_NETLINK other than routes", AF_NETLINK, SOCK_RAW,
		NETLINK_NETFILTER),
	DENY_OURS("socket", "opens AF_NETLINK other than routes", AF_NETLINK, SOCK_RAW,
		NETLINK_AUDIT),
	DENY_OURS(
		"socket", "opens AF_NETLINK other than routes", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
	DENY_OURS("socket", "opens AF_NETLINK other than routes", HIGH | AF_NETLINK, SOCK_RAW,
		NETLINK_NETFILTER),
	NEED("read", 0),
	NEED("write", 1),
	NEED("close", 0),
	NEED("openat", 0),
	NEED("mmap", 0),
	NEED("munmap", 0),
	NEED("mprotect", 0),
	NEED("brk", 0),
	NEED("arch_prctl", 0x1002 /* ARCH_SET_FS: the C library's first call */),
	NEED("set_tid_address", 0),
	NEED("prlimit64", 0),
	NEED("getrandom", 0),
	NEED("execve", 0),
	NEED("exit_group", 0),
	NEED("wait4", 0),
	NEED("clone", SIGCHLD),
	NEED("clone", 0x3d0f00 /* what a thread library passes */),
	NEED("futex", 0),
	NEED("socket", AF_UNIX, SOCK_STREAM),
	NEED("socket", AF_INET, SOCK_STREAM),
	NEED("rt_sigaction", 0),
	NEED("rt_sigprocmask", 0),
	NEED("rt_sigreturn", 0),
	NEED("ioctl", 1, TCGETS /* is it a terminal? */),
};
const size_t seccomp_probes_len = ARRAY_LEN(seccomp_probes);
