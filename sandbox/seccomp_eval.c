/*
 * libseccomp can only load a filter or export it. So the exported program is run here, by an
 * interpreter of the few instructions that libseccomp emits; any other instruction counts as a
 * kill.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/mman.h>

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
