/*
 * Tries what a step must not be able to do, each attempt in a child of its own, and prints
 * "REACHED name" or "refused name why". Static, so that it runs in any image; whoever runs it
 * counts the lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define HIGH (UINT64_C(1) << 32)

/* ---- system calls: what comes back is >= 0 when the attack got through ---- */

struct call {
	const char *name;
	long nr;
	uint64_t args[6];
	int want; /* errno it must be; 0: any */
};

static char buffer[4096];
#define BUF ((uintptr_t)buffer)
#define TEXT(s) ((uintptr_t)(s))

/* Numbers that this C library's headers do not have are the same on both architectures. */
enum {
	NR_OPEN_TREE = 428,
	NR_MOVE_MOUNT = 429,
	NR_FSOPEN = 430,
	NR_CLONE3 = 435,
	NR_PIDFD_GETFD = 438,
	NR_MOUNT_SETATTR = 442,
	NR_QUOTACTL_FD = 443,
	NR_MEMFD_SECRET = 447,
	NR_FILE_SETATTR = 469,
};

static const struct call calls[] = {
	{ "mount tmpfs", SYS_mount, { TEXT("none"), TEXT("/tmp"), TEXT("tmpfs"), 0, 0 } },
	{ "mount proc", SYS_mount, { TEXT("none"), TEXT("/tmp"), TEXT("proc"), 0, 0 } },
	{ "remount root writable", SYS_mount,
		{ TEXT("none"), TEXT("/"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "umount /tmp", SYS_umount2, { TEXT("/tmp"), MNT_DETACH } },
	{ "pivot_root", SYS_pivot_root, { TEXT("/tmp"), TEXT("/tmp") } },
	{ "chroot", SYS_chroot, { TEXT("/tmp") } },
	{ "fsopen", NR_FSOPEN, { TEXT("tmpfs"), 0 } },
	{ "open_tree", NR_OPEN_TREE, { (uint64_t)AT_FDCWD, TEXT("/"), 1 } },
	{ "move_mount", NR_MOVE_MOUNT, { 0, TEXT("/"), 0, TEXT("/tmp"), 0 } },
	{ "mount_setattr", NR_MOUNT_SETATTR, { (uint64_t)AT_FDCWD, TEXT("/"), 0, BUF, 32 } },
	{ "unshare user", SYS_unshare, { CLONE_NEWUSER } },
	{ "unshare mount", SYS_unshare, { CLONE_NEWNS } },
	{ "unshare net", SYS_unshare, { CLONE_NEWNET } },
	{ "unshare pid", SYS_unshare, { CLONE_NEWPID } },
	{ "unshare cgroup", SYS_unshare, { CLONE_NEWCGROUP } },
	{ "clone user namespace", SYS_clone, { CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0 } },
	{ "clone user namespace, high bit", SYS_clone,
		{ HIGH | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0 } },
	{ "clone3", NR_CLONE3, { BUF, 88 }, ENOSYS },
	{ "io_setup", SYS_io_setup, { 1, BUF }, ENOSYS },
	{ "setns", SYS_setns, { 0, 0 } },
	{ "ptrace attach 1", SYS_ptrace, { 16, 1, 0, 0 } },
	{ "ptrace seize 1", SYS_ptrace, { 0x4206, 1, 0, 0 } },
	{ "ptrace traceme", SYS_ptrace, { 0, 0, 0, 0 } },
	{ "process_vm_readv 1", SYS_process_vm_readv, { 1, BUF, 0, BUF, 0, 0 } },
	{ "process_vm_writev 1", SYS_process_vm_writev, { 1, BUF, 0, BUF, 0, 0 } },
	{ "pidfd_getfd", NR_PIDFD_GETFD, { 0, 0, 0 } },
	{ "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 } },
	{ "bpf", SYS_bpf, { 5, BUF, 72 } },
	{ "bpf map", SYS_bpf, { 0, BUF, 72 } },
	{ "keyctl session", SYS_keyctl, { 1, 0 } },
	{ "add_key", SYS_add_key, { TEXT("user"), TEXT("a"), BUF, 8, (uint64_t)-3 } },
	{ "request_key", SYS_request_key, { TEXT("user"), TEXT("a"), 0, 0 } },
	{ "io_uring_setup", 425, { 8, BUF } },
	{ "io_uring_enter", 426, { 0, 0, 0, 0, 0, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 } },
	{ "perf_event_open", SYS_perf_event_open, { BUF, 0, (uint64_t)-1, (uint64_t)-1, 0 } },
	{ "init_module", SYS_init_module, { BUF, 64, TEXT("") } },
	{ "finit_module", SYS_finit_module, { 0, TEXT(""), 0 } },
	{ "delete_module", SYS_delete_module, { TEXT("loop"), 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "kexec_file_load", SYS_kexec_file_load, { 0, 0, 0, 0, 0 } },
	{ "reboot", SYS_reboot, { 0xfee1dead, 672274793, 0x89abcdef, 0 } },
	{ "swapon", SYS_swapon, { TEXT("/tmp/x"), 0 } },
	{ "acct", SYS_acct, { TEXT("/tmp/x") } },
	{ "quotactl", SYS_quotactl, { 0, 0, 0, 0 } },
	{ "quotactl_fd", NR_QUOTACTL_FD, { 0, 0, 0, 0 } },
	{ "settimeofday", SYS_settimeofday, { BUF, 0 } },
	{ "clock_settime", SYS_clock_settime, { 0, BUF } },
	{ "adjtimex", SYS_adjtimex, { BUF } },
	{ "sethostname", SYS_sethostname, { TEXT("x"), 1 } },
	{ "setdomainname", SYS_setdomainname, { TEXT("x"), 1 } },
	{ "syslog", SYS_syslog, { 3, BUF, 64 } },
	{ "vhangup", SYS_vhangup, { 0 } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { 0, BUF, 0 } },
	{ "name_to_handle_at", SYS_name_to_handle_at,
		{ (uint64_t)AT_FDCWD, TEXT("/"), BUF, BUF + 2048, 0 } },
	{ "memfd_secret", NR_MEMFD_SECRET, { 0 } },
	{ "vmsplice", SYS_vmsplice, { 1, BUF, 0, 0 } },
	{ "fanotify_init", SYS_fanotify_init, { 0, 0 } },
	{ "lookup_dcookie", SYS_lookup_dcookie, { 0, BUF, 64 } },
	{ "move_pages 1", SYS_move_pages, { 1, 0, 0, 0, 0, 0 } },
	{ "personality without randomisation", SYS_personality, { 0x40000 } },
#ifdef __x86_64__
	{ "iopl", SYS_iopl, { 3 } },
	{ "ioperm", SYS_ioperm, { 0, 1, 1 } },
	{ "modify_ldt", SYS_modify_ldt, { 0, BUF, 64 } },
	{ "x32 getpid", 0x40000000 | SYS_getpid, { 0 } },
	{ "x32 execve", 0x40000000 | 520, { 0 } },
#endif
	{ "socket vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
	{ "socket vsock, high bit", SYS_socket, { HIGH | AF_VSOCK, SOCK_STREAM, 0 } },
	{ "socket alg", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
	{ "socket alg, high bit", SYS_socket, { HIGH | AF_ALG, SOCK_SEQPACKET, 0 } },
	{ "socket packet", SYS_socket, { AF_PACKET, SOCK_RAW, 0x300 } },
	{ "socket packet dgram", SYS_socket, { AF_PACKET, SOCK_DGRAM, 0x300 } },
	{ "socket raw icmp", SYS_socket, { AF_INET, SOCK_RAW, 1 } },
	{ "socket raw ip", SYS_socket, { AF_INET, SOCK_RAW, 255 } },
	{ "socket raw icmp6", SYS_socket, { AF_INET6, SOCK_RAW, 58 } },
	{ "socket netlink audit", SYS_socket, { AF_NETLINK, SOCK_RAW, 9 } },
	{ "socket netlink netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 } },
	{ "socket netlink uevent", SYS_socket, { AF_NETLINK, SOCK_RAW, 15 } },
	{ "socket netlink generic", SYS_socket, { AF_NETLINK, SOCK_RAW, 16 } },
	{ "socket netlink xfrm", SYS_socket, { AF_NETLINK, SOCK_RAW, 6 } },
	{ "socket key", SYS_socket, { AF_KEY, SOCK_RAW, 2 } },
	{ "socket bluetooth", SYS_socket, { AF_BLUETOOTH, SOCK_RAW, 1 } },
	{ "socket can", SYS_socket, { 29, SOCK_RAW, 1 } },
	{ "socket tipc", SYS_socket, { 30, SOCK_STREAM, 0 } },
	{ "socket xdp", SYS_socket, { 44, SOCK_RAW, 0 } },
	{ "socketpair tipc", SYS_socketpair, { 30, SOCK_STREAM, 0, BUF } },
	{ "setuid 0", SYS_setuid, { 0 } },
	{ "setresuid 0", SYS_setresuid, { 0, 0, 0 } },
	{ "setgid 0", SYS_setgid, { 0 } },
	{ "setgroups", SYS_setgroups, { 0, 0 } },
	{ "forget no_new_privs", SYS_prctl, { PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0 } },
	{ "ambient capability", SYS_prctl, { PR_CAP_AMBIENT, 2, 21, 0, 0 } },
	{ "mknod memory device", SYS_mknodat,
		{ (uint64_t)AT_FDCWD, TEXT("/tmp/m"), S_IFCHR | 0666, 0x101 } },
	{ "mknod block device", SYS_mknodat,
		{ (uint64_t)AT_FDCWD, TEXT("/tmp/b"), S_IFBLK | 0666, 0x800 } },
	{ "mknod in workspace", SYS_mknodat,
		{ (uint64_t)AT_FDCWD, TEXT("device"), S_IFBLK | 0666, 0xfe00 } },
	{ "chown to root", SYS_fchownat, { (uint64_t)AT_FDCWD, TEXT("."), 0, 0, 0 } },
	{ "raise priority", SYS_setpriority, { 0, 0, (uint64_t)-10 } },
	{ "real-time scheduling", SYS_sched_setscheduler, { 0, 1, TEXT("\1\0\0\0") } },
};

static int try_call(size_t i)
{
	const struct call *c = &calls[i];
	const uint64_t *a = c->args;
	long got = syscall(c->nr, a[0], a[1], a[2], a[3], a[4], a[5]);

	if (c->want && (got >= 0 || errno != c->want)) {
		printf("REACHED %s: errno %d, expected %d\n", c->name, got < 0 ? errno : 0,
			c->want);
		return -2;
	}
	return got >= 0 ? 0 : -1;
}

/* ---- files: opened for reading they must be empty or refused, for writing refused ---- */

struct file {
	const char *path;
	int flags;
};
static const struct file files[] = {
	{ "/proc/sysrq-trigger", O_WRONLY },
	{ "/proc/sys/kernel/core_pattern", O_WRONLY },
	{ "/proc/sys/kernel/modprobe", O_WRONLY },
	{ "/proc/sys/kernel/hostname", O_WRONLY },
	{ "/proc/sys/vm/drop_caches", O_WRONLY },
	{ "/proc/sys/net/ipv4/ip_forward", O_WRONLY },
	{ "/proc/sys/fs/binfmt_misc/register", O_WRONLY },
	{ "/proc/irq/default_smp_affinity", O_WRONLY },
	{ "/sys/kernel/uevent_helper", O_WRONLY },
	{ "/sys/power/state", O_WRONLY },
	{ "/sys/fs/cgroup/release_agent", O_WRONLY },
	{ "/sys/fs/cgroup/memory/release_agent", O_WRONLY },
	{ "/sys/fs/cgroup/pids/release_agent", O_WRONLY },
	{ "/sys/fs/cgroup/pids/pids.max", O_WRONLY },
	{ "/sys/fs/cgroup/pids.max", O_WRONLY },
	{ "/sys/fs/cgroup/memory/memory.limit_in_bytes", O_WRONLY },
	{ "/sys/fs/cgroup/memory.max", O_WRONLY },
	{ "/sys/fs/cgroup/cgroup.procs", O_WRONLY },
	{ "/sys/fs/cgroup/pids/tasks", O_WRONLY },
	{ "/sys/fs/cgroup/devices/devices.allow", O_WRONLY },
	{ "/proc/1/mem", O_RDWR },
	{ "/proc/1/mem", O_RDONLY },
	{ "/proc/1/environ", O_RDONLY },
	{ "/proc/1/maps", O_RDONLY },
	{ "/proc/1/stack", O_RDONLY },
	{ "/proc/1/syscall", O_RDONLY },
	{ "/proc/1/root/etc/passwd", O_RDONLY },
	{ "/proc/1/cwd/.", O_RDONLY },
	{ "/proc/1/fd/0", O_RDONLY },
	{ "/proc/1/ns/mnt", O_RDONLY },
	{ "/proc/1/oom_score_adj", O_WRONLY },
	{ "/proc/kcore", O_RDONLY },
	{ "/proc/keys", O_RDONLY },
	{ "/proc/timer_list", O_RDONLY },
	{ "/proc/sched_debug", O_RDONLY },
	{ "/proc/kmsg", O_RDONLY },
	{ "/proc/kpagemap", O_RDONLY },
	{ "/dev/mem", O_RDONLY },
	{ "/dev/kmem", O_RDONLY },
	{ "/dev/kmsg", O_RDONLY },
	{ "/dev/port", O_RDONLY },
	{ "/dev/sda", O_RDONLY },
	{ "/dev/vda", O_RDONLY },
	{ "/dev/loop-control", O_RDWR },
	{ "/dev/fuse", O_RDWR },
	{ "/dev/kvm", O_RDWR },
	{ "/dev/net/tun", O_RDWR },
	{ "/dev/vhost-vsock", O_RDWR },
	{ "/var/run/docker.sock", O_RDWR },
	{ "/run/podman/podman.sock", O_RDWR },
	{ "/etc/passwd", O_WRONLY },
	{ "/etc/shadow", O_RDONLY },
	{ "/shithub/gate", O_WRONLY },
	{ "/shithub/files/event.json", O_WRONLY },
	{ "/shithub/files/new", O_WRONLY | O_CREAT },
	{ "/shithub/ctl/new", O_WRONLY | O_CREAT },
	{ "/usr/bin/new", O_WRONLY | O_CREAT },
};

static int try_file(size_t i)
{
	int fd = open(files[i].path, files[i].flags | O_NONBLOCK, 0666);

	if (fd < 0 || (files[i].flags & O_ACCMODE) != O_RDONLY)
		return fd;
	return read(fd, buffer, 64) > 0 ? 0 : -1; /* a masked one is empty */
}

/* ---- the rest ---- */

static int type_into_terminal(void)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	char c = 'x';

	return master < 0 ? -1 : ioctl(master, TIOCSTI, &c);
}

static int type_with_high_bit(void)
{
	char c = 'x';

	return (int)syscall(SYS_ioctl, open("/dev/ptmx", O_RDWR | O_NOCTTY), HIGH | TIOCSTI, &c);
}

static int paste(void)
{
	char c = 2;

	return ioctl(0, 0x541c /* TIOCLINUX */, &c);
}

/* What bounds the workspace is a project quota where the disk has them. */
static uint64_t get_attr = 0x801c581f, set_attr = 0x401c5820;   /* FS_IOC_FSGETXATTR, FSSETXATTR */
static uint64_t get_flags = 0x80086601, set_flags = 0x40086602; /* FS_IOC_GETFLAGS, SETFLAGS */

/* A file system that has no such attributes cannot be asked for them; it is told nevertheless. */
static int set_what_is_set(uint64_t get, uint64_t set)
{
	uint64_t value[4] = { 0 }; /* as large as struct fsxattr, the larger one */
	int fd = open("/workspace", O_RDONLY | O_DIRECTORY);

	syscall(SYS_ioctl, fd, get, value);
	return (int)syscall(SYS_ioctl, fd, set, value);
}

static int leave_project(void)
{
	return set_what_is_set(get_attr, set_attr);
}

static int leave_project_with_high_bit(void)
{
	return set_what_is_set(get_attr, HIGH | set_attr);
}

static int hand_on_no_project(void)
{
	return set_what_is_set(get_flags, set_flags);
}

static int hand_on_no_project_with_high_bit(void)
{
	return set_what_is_set(get_flags, HIGH | set_flags);
}

static int leave_project_by_name(void)
{
	char attributes[32] = { 0 };

	return (int)syscall(NR_FILE_SETATTR, AT_FDCWD, "/workspace", attributes, 24, 0);
}

/* The profile lets a step filter itself further; a filter that hands calls to a supervisor of the
 * step's own choice still cannot widen anything. Capabilities cannot be raised. */
static int raise_capabilities(void)
{
	uint32_t head[2] = { 0x20080522, 0 }, data[6] = { ~0u, ~0u, 0, ~0u, ~0u, 0 };

	return (int)syscall(SYS_capset, head, data);
}

#ifdef __x86_64__
static int call_32_bit(void)
{
	long got;

	__asm__ volatile("int $0x80" : "=a"(got) : "a"(20 /* getpid */) : "memory");
	return got > 0 ? 0 : -1;
}

/* socketcall: with i386 in the filter's list this opened any family. */
static int socketcall_32_bit(void)
{
	uint32_t *args = mmap((void *)0x10000, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	long got = -1;

	if (args == MAP_FAILED)
		return -1;
	args[0] = AF_VSOCK;
	args[1] = SOCK_STREAM;
	__asm__ volatile("int $0x80" : "=a"(got) : "a"(102), "b"(1), "c"(args) : "memory");
	return got >= 0 ? 0 : -1;
}
#endif

static int enter_other_namespace(void)
{
	int fd = open("/proc/self/ns/user", O_RDONLY);

	return fd < 0 ? -1 : setns(fd, 0);
}

static int open_descriptor_of_gate(void)
{
	char path[64];

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/1/fd/%d", fd);
		int got = open(path, O_RDWR);
		if (got < 0)
			got = open(path, O_RDONLY);
		if (got >= 0)
			return got;
	}
	return -1;
}

static const struct {
	const char *name;
	int (*fn)(void);
} others[] = {
	{ "TIOCSTI", type_into_terminal },
	{ "TIOCSTI, high bit", type_with_high_bit },
	{ "TIOCLINUX", paste },
	{ "FS_IOC_FSSETXATTR", leave_project },
	{ "FS_IOC_FSSETXATTR, high bit", leave_project_with_high_bit },
	{ "FS_IOC_SETFLAGS", hand_on_no_project },
	{ "FS_IOC_SETFLAGS, high bit", hand_on_no_project_with_high_bit },
	{ "file_setattr", leave_project_by_name },
	{ "raise capabilities", raise_capabilities },
#ifdef __x86_64__
	{ "int 0x80 getpid", call_32_bit },
	{ "int 0x80 socketcall", socketcall_32_bit },
#endif
	{ "setns to a user namespace", enter_other_namespace },
	{ "descriptors of process 1", open_descriptor_of_gate },
};

static int try_other(size_t i)
{
	return others[i].fn();
}

/* ---- one attempt, in a child ---- */

static int attempt(const char *name, int (*fn)(size_t), size_t i)
{
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		errno = 0;
		alarm(10);
		int got = fn(i);
		if (got >= 0)
			printf("REACHED %s\n", name);
		else if (got == -1)
			printf("refused %s: %s\n", name, strerror(errno));
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		printf("refused %s: signal %d\n", name, WTERMSIG(status));
	return 0;
}

/* `calls here`, outside of any step: what this kernel does with calls of i386. */
static int other_architecture(void)
{
#ifdef __x86_64__
	for (size_t i = 0; i < LEN(others); i++)
		if (others[i].fn == call_32_bit)
			return attempt(others[i].name, try_other, i);
#endif
	return 0;
}

int main(int argc, char **argv)
{
	int rc = 0;

	if (argc > 1 && !strcmp(argv[1], "here"))
		return other_architecture();
	for (size_t i = 0; i < LEN(calls); i++)
		rc |= attempt(calls[i].name, try_call, i);
	for (size_t i = 0; i < LEN(files); i++)
		rc |= attempt(files[i].path, try_file, i);
	for (size_t i = 0; i < LEN(others); i++)
		rc |= attempt(others[i].name, try_other, i);
	printf("tried %zu\n", LEN(calls) + LEN(files) + LEN(others));
	return rc;
}
