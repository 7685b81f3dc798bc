#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "sandbox/seccomp_eval.h"

int seccomp_program_export(scmp_filter_ctx x, struct seccomp_program *ret, struct err *e)
{
	CLEAN_FD int fd = memfd_create("filter", MFD_CLOEXEC);
	CLEAN_BUF struct buf raw = BUF_INIT(sizeof(ret->insns));

	if (fd < 0)
		return err_set_errno(e, errno, "seccomp: memory file");
	int rc = seccomp_export_bpf(x, fd);
	if (rc < 0)
		return err_set_errno(e, -rc, "seccomp: compile");
	if (lseek(fd, 0, SEEK_SET) < 0 || fd_read_all(fd, &raw, e) < 0)
		return err_wrap(e, "seccomp: compiled filter");
	memcpy(ret->insns, raw.data, raw.len);
	ret->n = raw.len / sizeof(struct sock_filter);
	return 0;
}

uint32_t seccomp_native_audit_arch(void)
{
	return seccomp_arch_native() == SCMP_ARCH_AARCH64 ? AUDIT_ARCH_AARCH64 : AUDIT_ARCH_X86_64;
}

static bool load_word(const struct seccomp_data *d, uint32_t offset, uint32_t *ret)
{
	if (offset % 4 || offset > sizeof(*d) - 4)
		return false;
	memcpy(ret, (const char *)d + offset, 4);
	return true;
}

/* True when the jump condition holds; libseccomp emits no other kinds. */
static bool jump_taken(uint16_t code, uint32_t acc, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return acc == k;
	case BPF_JGT:
		return acc > k;
	case BPF_JGE:
		return acc >= k;
	default:
		return (acc & k) != 0;
	}
}

uint32_t seccomp_program_run(
	const struct seccomp_program *p, uint32_t audit_arch, int nr, const uint64_t args[6])
{
	struct seccomp_data d = { .nr = nr, .arch = audit_arch };
	uint32_t acc = 0;

	memcpy(d.args, args, sizeof(d.args));
	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->insns[pc];
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			if (!load_word(&d, i->k, &acc))
				break;
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
			acc &= i->k;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			pc += i->k;
		} else if (BPF_CLASS(i->code) == BPF_JMP) {
			pc += jump_taken(i->code, acc, i->k) ? i->jt : i->jf;
		} else if (i->code == (BPF_RET | BPF_K)) {
			return i->k;
		} else {
			break;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

#define HIGH_BIT (UINT64_C(1) << 32)
#define DENY(n, why, ...)           \
	{                           \
		n, false, why,      \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define NEED(n, ...)                                \
	{                                           \
		n, true, "no step runs without it", \
		{                                   \
			__VA_ARGS__                 \
		}                                   \
	}

const struct seccomp_probe seccomp_probes[] = {
	DENY("unshare", "makes namespaces", CLONE_NEWUSER),
	DENY("clone", "makes a user namespace", CLONE_NEWUSER | 17),
	DENY("clone", "makes a mount namespace", CLONE_NEWNS | 17),
	DENY("clone", "makes a network namespace", CLONE_NEWNET | 17),
	DENY("clone3", "takes namespace flags where no filter sees them", 0),
	DENY("setns", "enters namespaces", 0),
	DENY("mount", "mounts", 0),
	DENY("umount2", "unmounts", 0),
	DENY("pivot_root", "changes the root", 0),
	DENY("chroot", "changes the root", 0),
	DENY("fsopen", "mounts", 0),
	DENY("fsmount", "mounts", 0),
	DENY("move_mount", "mounts", 0),
	DENY("open_tree", "mounts", 0),
	DENY("mount_setattr", "mounts", 0),
	DENY("bpf", "loads programs into the kernel", 0),
	DENY("init_module", "loads modules", 0),
	DENY("finit_module", "loads modules", 0),
	DENY("delete_module", "unloads modules", 0),
	DENY("kexec_load", "replaces the kernel", 0),
	DENY("kexec_file_load", "replaces the kernel", 0),
	DENY("reboot", "reboots", 0),
	DENY("swapon", "changes swap", 0),
	DENY("keyctl", "reaches keyrings that no namespace separates", 0),
	DENY("add_key", "reaches keyrings that no namespace separates", 0),
	DENY("request_key", "reaches keyrings that no namespace separates", 0),
	DENY("perf_event_open", "watches the kernel", 0),
	DENY("userfaultfd", "a help to kernel exploits", 0),
	DENY("io_uring_setup", "runs calls past the filter", 0),
	DENY("io_uring_enter", "runs calls past the filter", 0),
	DENY("io_uring_register", "runs calls past the filter", 0),
	DENY("ptrace", "rewrites calls of other processes", 0),
	DENY("process_vm_readv", "reads other processes", 0),
	DENY("process_vm_writev", "writes other processes", 0),
	DENY("pidfd_getfd", "takes descriptors of other processes", 0),
	DENY("open_by_handle_at", "opens files outside the root", 0),
	DENY("name_to_handle_at", "names files outside the root", 0),
	DENY("acct", "administration", 0),
	DENY("quotactl", "administration", 0),
	DENY("settimeofday", "sets the clock", 0),
	DENY("clock_settime", "sets the clock", 0),
	DENY("sethostname", "administration", 0),
	DENY("syslog", "reads the kernel log", 0),
	DENY("iopl", "reaches hardware ports", 3),
	DENY("ioperm", "reaches hardware ports", 0),
	DENY("socket", "opens AF_VSOCK", 40),
	DENY("socket", "opens AF_VSOCK (high bit set)", HIGH_BIT | 40),
	DENY("socket", "opens AF_ALG", 38),
	DENY("socket", "opens AF_PACKET", 17, 3),
	DENY("socket", "opens AF_NETLINK other than routes", 16, 3, 12),
	DENY("socket", "opens AF_NETLINK audit", 16, 3, 9),
	NEED("read", 0),
	NEED("write", 1),
	NEED("openat", 0),
	NEED("mmap", 0),
	NEED("execve", 0),
	NEED("exit_group", 0),
	NEED("wait4", 0),
	NEED("clone", 17),
	NEED("clone", 0x3d0f00 /* what a thread library passes */),
	NEED("futex", 0),
	NEED("socket", AF_UNIX, 1),
	NEED("socket", AF_INET, 1),
	NEED("rt_sigaction", 0),
	NEED("ioctl", 1, 0x5401 /* TCGETS: is it a terminal? */),
};
const size_t seccomp_probes_len = ARRAY_LEN(seccomp_probes);
