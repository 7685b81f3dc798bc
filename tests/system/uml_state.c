/*
 * Preloaded into a user-mode-linux. It keeps 2.7 KiB for the registers of a process, which is less
 * than processors with AMX have: then PTRACE_SETREGSET refuses, as it takes the whole state or
 * none, and the kernel panics before its first instruction. Here the rest is added from what the
 * process has.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

typedef long ptrace_call(int request, int pid, void *addr, void *data);

long ptrace(enum __ptrace_request request, ...)
{
	static _Thread_local char whole[64 << 10];
	struct iovec all = { whole, sizeof(whole) }, *given;
	ptrace_call *next = (ptrace_call *)dlsym(RTLD_NEXT, "ptrace");
	va_list args;

	va_start(args, request);
	int pid = va_arg(args, int);
	void *addr = va_arg(args, void *), *data = va_arg(args, void *);
	va_end(args);
	given = data;
	if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE &&
		next(PTRACE_GETREGSET, pid, addr, &all) == 0 && all.iov_len > given->iov_len) {
		memcpy(whole, given->iov_base, given->iov_len);
		return next(request, pid, addr, &all);
	}
	return next(request, pid, addr, data);
}
