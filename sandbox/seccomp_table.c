/*
 * Allow list by need. What is missing here is denied, on purpose among others: every namespace,
 * mount and module call, bpf, keyrings, io_uring, userfaultfd, perf, ptrace and process_vm (a step
 * debugs nothing across containers), file handles, memfd_secret, modify_ldt, vmsplice, pidfd_getfd,
 * and any socket family but unix, IPv4, IPv6 and route netlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "sandbox/seccomp_table.h"

#define NAMES(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

const struct seccomp_group seccomp_groups[] = {
	{ "memory, time, identity, exit", SC_ALL, SCMP_ACT_ALLOW,
		NAMES("arch_prctl", "brk", "clock_getres", "clock_gettime", "clock_nanosleep",
			"exit", "exit_group", "futex", "futex_requeue", "futex_wait", "futex_waitv",
			"futex_wake", "getcpu", "getegid", "geteuid", "getgid", "getgroups",
			"getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getresgid",
			"getresuid", "getrlimit", "getrusage", "getsid", "gettid", "gettimeofday",
			"getuid", "madvise", "map_shadow_stack", "membarrier", "mmap", "mprotect",
			"mremap", "munmap", "nanosleep", "prlimit64", "restart_syscall", "rseq",
			"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
			"rt_sigsuspend", "sched_getaffinity", "sched_yield", "set_robust_list",
			"set_tid_address", "sigaltstack", "sysinfo", "time", "uname") },
	{ "open files", SC_ALL, SCMP_ACT_ALLOW,
		NAMES("access", "close", "close_range", "dup", "dup2", "dup3", "faccessat",
			"faccessat2", "fadvise64", "fcntl", "fstat", "fstatfs", "getcwd",
			"getdents", "getdents64", "lseek", "lstat", "newfstatat", "poll", "ppoll",
			"pread64", "preadv", "preadv2", "read", "readlink", "readlinkat", "readv",
			"recvfrom", "recvmsg", "sendmsg", "sendto", "stat", "statfs", "statx",
			"write", "writev") },
	{ "write below the workspace", SC_STEP | SC_TREE, SCMP_ACT_ALLOW,
		NAMES("chdir", "chmod", "copy_file_range", "creat", "fallocate", "fchdir", "fchmod",
			"fchmodat", "fchmodat2", "fdatasync", "flock", "fsync", "ftruncate", "link",
			"linkat", "mkdir", "mkdirat", "msync", "open", "openat", "openat2",
			"pwrite64", "pwritev", "pwritev2", "rename", "renameat", "renameat2",
			"rmdir", "symlink", "symlinkat", "truncate", "umask", "unlink", "unlinkat",
			"utime", "utimensat", "utimes", "futimesat") },
	{ "talk and wait", SC_STEP | SC_NET, SCMP_ACT_ALLOW,
		NAMES("connect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
			"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getpeername",
			"getsockname", "getsockopt", "inotify_add_watch", "inotify_init",
			"inotify_init1", "inotify_rm_watch", "pipe", "pipe2", "pselect6",
			"recvmmsg", "select", "sendmmsg", "setsockopt", "shutdown", "signalfd",
			"signalfd4", "timerfd_create", "timerfd_gettime", "timerfd_settime",
			"wait4", "waitid") },
	{ "run programs", SC_STEP, SCMP_ACT_ALLOW,
		NAMES("alarm", "capget", "capset", "execve", "execveat", "fork", "getitimer",
			"getpriority", "get_robust_list", "get_thread_area", "ioprio_get",
			"ioprio_set", "kill", "pause", "pidfd_open", "pidfd_send_signal",
			"pkey_alloc", "pkey_free", "pkey_mprotect", "prctl", "rt_sigqueueinfo",
			"rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
			"sched_get_priority_min", "sched_getattr", "sched_getparam",
			"sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
			"sched_setattr", "sched_setparam", "sched_setscheduler", "seccomp",
			"setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid",
			"setpriority", "setregid", "setresgid", "setresuid", "setreuid",
			"setrlimit", "setsid", "setuid", "set_thread_area", "tgkill",
			"timer_create", "timer_delete", "timer_getoverrun", "timer_gettime",
			"timer_settime", "times", "tkill", "vfork") },
	{ "files, the rest", SC_STEP, SCMP_ACT_ALLOW,
		NAMES("cachestat", "chown", "fchown", "fchownat", "fgetxattr", "flistxattr",
			"fremovexattr", "fsetxattr", "getxattr", "landlock_add_rule",
			"landlock_create_ruleset", "landlock_restrict_self", "lchown", "lgetxattr",
			"listxattr", "llistxattr", "lremovexattr", "lsetxattr", "memfd_create",
			"mincore", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "munlock",
			"munlockall", "process_mrelease", "readahead", "remap_file_pages",
			"removexattr", "sendfile", "setxattr", "splice", "sync", "sync_file_range",
			"syncfs", "tee") },
	{ "sockets and queues, the rest", SC_STEP, SCMP_ACT_ALLOW,
		NAMES("accept", "accept4", "bind", "listen", "mq_getsetattr", "mq_notify",
			"mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl",
			"msgget", "msgrcv", "msgsnd", "semctl", "semget", "semop", "semtimedop",
			"shmat", "shmctl", "shmdt", "shmget") },
	/* fs.aio-nr counts the contexts of the whole host: one job could take them all. Callers
	 * fall back to threads on this answer. */
	{ "asynchronous I/O of the old kind", SC_STEP, SCMP_ACT_ERRNO(ENOSYS), NAMES("io_setup") },
	/* In our own children these are no mistake but an attack: the default answer there, ENOSYS,
	 * lets a newer libc fall back, while these end the process. */
	{ "signs of an exploit", SC_NET | SC_TREE | SC_READ | SC_LOOK, SCMP_ACT_KILL_PROCESS,
		NAMES("execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv",
			"process_vm_writev", "mount", "umount2", "unshare", "setns", "bpf",
			"keyctl", "add_key", "request_key", "init_module", "finit_module",
			"kexec_load", "userfaultfd", "io_uring_setup", "open_by_handle_at",
			"pidfd_getfd", "mknod", "mknodat", "setuid", "setresuid", "setgid",
			"setresgid", "chroot", "pivot_root") },
};
const size_t seccomp_groups_len = ARRAY_LEN(seccomp_groups);

#define ARG_EQ(i, v) SCMP_CMP64(i, SCMP_CMP_EQ, (uint64_t)(v))
#define ARG_MASK(i, m, v) SCMP_CMP64(i, SCMP_CMP_MASKED_EQ, (uint64_t)(m), (uint64_t)(v))
#define CLONE_NAMESPACES                                                               \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
		CLONE_NEWPID | CLONE_NEWNET)
#define CLONE_THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define OPEN_WRITES (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define PER_QUERY 0xffffffffu /* personality(-1) only asks */
#define PER_UNAME26 0x20000u

const struct seccomp_rule seccomp_rules[] = {
	{ "clone", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_MASK(0, CLONE_NAMESPACES, 0) } },
	/* flags behind a pointer cannot be judged; libc falls back to clone on this answer */
	{ "clone3", SC_STEP, SCMP_ACT_ERRNO(ENOSYS), 0, { { 0 } } },
	{ "socket", SC_STEP | SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, AF_UNIX) } },
	{ "socket", SC_STEP | SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, AF_INET) } },
	{ "socket", SC_STEP | SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, AF_INET6) } },
	{ "socket", SC_STEP, SCMP_ACT_ALLOW, 2,
		{ ARG_EQ(0, AF_NETLINK), ARG_EQ(2, NETLINK_ROUTE) } },
	{ "socketpair", SC_STEP | SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, AF_UNIX) } },
	{ "personality", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, PER_LINUX) } },
	{ "personality", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, PER_LINUX32) } },
	{ "personality", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, PER_UNAME26) } },
	{ "personality", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, PER_UNAME26 | PER_LINUX32) } },
	{ "personality", SC_STEP, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, PER_QUERY) } },
	/* threads (the resolver's, the file writers'), never a process */
	{ "clone", SC_NET | SC_TREE, SCMP_ACT_ALLOW, 1,
		{ ARG_MASK(0, CLONE_THREAD_FLAGS | CLONE_NAMESPACES, CLONE_THREAD_FLAGS) } },
	/* reading certificates and resolver files is all the fetcher may do with paths */
	{ "open", SC_NET, SCMP_ACT_ALLOW, 1, { ARG_MASK(1, OPEN_WRITES, 0) } },
	{ "openat", SC_NET, SCMP_ACT_ALLOW, 1, { ARG_MASK(2, OPEN_WRITES, 0) } },
	{ "openat", SC_READ, SCMP_ACT_ALLOW, 1, { ARG_MASK(2, OPEN_WRITES, 0) } },
	/* its flags stand behind a pointer; Landlock keeps this child to reading */
	{ "openat2", SC_LOOK, SCMP_ACT_ALLOW, 0, { { 0 } } },
	{ "ioctl", SC_TREE | SC_READ | SC_LOOK, SCMP_ACT_ERRNO(ENOTTY), 0, { { 0 } } },
	{ "ioctl", SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(1, FIONBIO) } },
	{ "ioctl", SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(1, FIONREAD) } },
	{ "prctl", SC_NET, SCMP_ACT_ALLOW, 1, { ARG_EQ(0, 15 /* PR_SET_NAME */) } },
};
const size_t seccomp_rules_len = ARRAY_LEN(seccomp_rules);

/* Typing into the terminal of whoever watches the step, and the console's paste buffer. Leaving the
 * project whose quota bounds a workspace: an owner may change a file's project id, and clear the
 * flag by which new files inherit it (also file_setattr, which no group allows). */
static const uint32_t denied_ioctls[] = { TIOCSTI, 0x541c /* TIOCLINUX */, FS_IOC_FSSETXATTR,
	FS_IOC_SETFLAGS };

const struct seccomp_except seccomp_excepts[] = {
	{ "ioctl", SC_STEP, 1, denied_ioctls, ARRAY_LEN(denied_ioctls) },
};
const size_t seccomp_excepts_len = ARRAY_LEN(seccomp_excepts);
