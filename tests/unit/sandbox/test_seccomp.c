/* The step profile as the engine would compile it, judged call by call; and our children's filters.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "sandbox/seccomp.h"
#include "sandbox/seccomp_arch.h"
#include "sandbox/seccomp_eval.h"
#include "sandbox/seccomp_table.h"
#include "sandbox/seccomp_verify.h"

static int add(
	void *data, const char *name, uint32_t action, unsigned n, const struct scmp_arg_cmp *args)
{
	int rc = seccomp_rule_add_array(data, action, seccomp_syscall_resolve_name(name), n, args);

	if (rc < 0)
		print_error("%s: %s\n", name, strerror(-rc));
	return rc < 0 ? -1 : 0;
}

static struct seccomp_program *step_program(void)
{
	static struct seccomp_program program;
	struct err e = { 0 };
	scmp_filter_ctx x = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	assert_non_null(x);
	assert_int_equal(seccomp_table_each(SCMP_ARCH_NATIVE, SC_STEP, add, x), 0);
	assert_int_equal(seccomp_program_export(x, &program, &e), 0);
	seccomp_release(x);
	return &program;
}

static uint32_t ask(const char *name, uint64_t a0, uint64_t a1, uint64_t a2)
{
	uint64_t args[6] = { a0, a1, a2 };

	return seccomp_program_run(step_program(), seccomp_native_audit_arch(),
		seccomp_syscall_resolve_name(name), args);
}

#define DENIED (SECCOMP_RET_ERRNO | EPERM)
#define HIGH (UINT64_C(1) << 32)

static void test_verdicts(void **state)
{
	static const struct {
		const char *name;
		uint64_t args[3];
		uint32_t want;
	} cases[] = {
		{ "clone", { SIGCHLD }, SECCOMP_RET_ALLOW },
		{ "clone", { CLONE_VM | CLONE_THREAD | CLONE_SIGHAND }, SECCOMP_RET_ALLOW },
		{ "clone", { CLONE_NEWUSER | SIGCHLD }, DENIED },
		{ "clone", { CLONE_NEWCGROUP }, DENIED },
		{ "clone", { CLONE_NEWUTS }, DENIED },
		{ "clone", { CLONE_NEWIPC }, DENIED },
		{ "clone", { CLONE_NEWPID }, DENIED },
		{ "clone3", { 0 }, SECCOMP_RET_ERRNO | ENOSYS },
		{ "io_setup", { 0 }, SECCOMP_RET_ERRNO | ENOSYS },
		{ "unshare", { CLONE_NEWUSER }, DENIED },
		{ "socket", { AF_UNIX, SOCK_STREAM, 0 }, SECCOMP_RET_ALLOW },
		{ "socket", { AF_INET, SOCK_STREAM, 0 }, SECCOMP_RET_ALLOW },
		{ "socket", { AF_INET6, SOCK_DGRAM, 0 }, SECCOMP_RET_ALLOW },
		{ "socket", { AF_NETLINK, SOCK_RAW, 0 }, SECCOMP_RET_ALLOW },
		{ "socket", { AF_NETLINK, SOCK_RAW, 9 }, DENIED },
		{ "socket", { AF_NETLINK, SOCK_RAW, HIGH }, DENIED },
		{ "socket", { AF_PACKET, SOCK_RAW, 0 }, DENIED },
		{ "socket", { AF_ALG, SOCK_SEQPACKET, 0 }, DENIED },
		{ "socket", { AF_VSOCK, SOCK_STREAM, 0 }, DENIED },
		{ "socket", { HIGH | AF_VSOCK, SOCK_STREAM, 0 }, DENIED },
		{ "socket", { HIGH | AF_UNIX, SOCK_STREAM, 0 }, DENIED },
		{ "personality", { 0 }, SECCOMP_RET_ALLOW },
		{ "personality", { 8 }, SECCOMP_RET_ALLOW },
		{ "personality", { 0xffffffff }, SECCOMP_RET_ALLOW },
		{ "personality", { 0x40000 /* no address randomisation */ }, DENIED },
		{ "ioctl", { 0, TCGETS }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, TIOCGWINSZ }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, 0 }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, UINT32_MAX }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, TIOCSTI - 1 }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, TIOCSTI + 1 }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, TIOCSTI }, DENIED },
		{ "ioctl", { 0, HIGH | TIOCSTI }, DENIED },
		{ "ioctl", { 0, 0x541c }, DENIED },
		{ "ioctl", { 0, HIGH | 0x541c }, DENIED },
		{ "ioctl", { 0, FS_IOC_FSSETXATTR }, DENIED },
		{ "ioctl", { 0, HIGH | FS_IOC_FSSETXATTR }, DENIED },
		{ "ioctl", { 0, FS_IOC_SETFLAGS }, DENIED },
		{ "ioctl", { 0, HIGH | FS_IOC_SETFLAGS }, DENIED },
		{ "ioctl", { 0, FS_IOC_FSGETXATTR }, SECCOMP_RET_ALLOW },
		{ "ioctl", { 0, FS_IOC_GETFLAGS }, SECCOMP_RET_ALLOW },
		{ "memfd_secret", { 0 }, DENIED },
		{ "modify_ldt", { 0 }, DENIED },
		{ "vmsplice", { 0 }, DENIED },
		{ "kcmp", { 0 }, DENIED },
		{ "execve", { 0 }, SECCOMP_RET_ALLOW },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t got =
			ask(cases[i].name, cases[i].args[0], cases[i].args[1], cases[i].args[2]);

		if (got != cases[i].want)
			fail_msg("%s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 "): %#x, expected %#x",
				cases[i].name, cases[i].args[0], cases[i].args[1], cases[i].args[2],
				got, cases[i].want);
	}
}

static void test_foreign_architecture_dies(void **state)
{
	uint64_t args[6] = { 0 };

	(void)state;
	assert_int_not_equal(
		seccomp_program_run(step_program(), AUDIT_ARCH_I386, 1, args), SECCOMP_RET_ALLOW);
#ifdef __x86_64__
	/* x32 shares the architecture and sets a bit in the number */
	assert_int_not_equal(
		seccomp_program_run(step_program(), AUDIT_ARCH_X86_64, 0x40000000, args),
		SECCOMP_RET_ALLOW);
#endif
}

static void test_profile_is_good(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e = { 0 };

	(void)state;
	assert_int_equal(seccomp_profile_json(SCMP_ARCH_NATIVE, &text, &e), 0);
	assert_true(text.len < KIB(16));
	CLEAN_STR char *beyond = NULL;
	if (seccomp_profile_check(text.data, text.len, &beyond, &e) < 0)
		fail_msg("%s", e.text);
	assert_null(beyond);
	CLEAN_JSON struct json_doc *doc = json_parse(text.data, text.len, NULL, &e);
	assert_non_null(doc);
	assert_int_equal(json_get(json_root(doc), "architectures")->count, 1);
	assert_string_equal(json_get_string(json_root(doc), "defaultAction"), "SCMP_ACT_ERRNO");
}

#define HEAD                                                                              \
	"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"]," \
	"\"syscalls\":["
#define ALLOW(names, args) "{\"names\":[" names "],\"action\":\"SCMP_ACT_ALLOW\"" args "}"
#define ARG(i, v, op) ",\"args\":[{\"index\":" #i ",\"value\":" #v ",\"op\":\"SCMP_CMP_" #op "\"}]"
#define BASIC                                                                                     \
	ALLOW("\"read\",\"write\",\"openat\",\"close\",\"mmap\",\"munmap\",\"mprotect\",\"brk\"," \
	      "\"arch_prctl\",\"set_tid_address\",\"prlimit64\",\"getrandom\",\"execve\","        \
	      "\"exit_group\",\"wait4\",\"futex\",\"rt_sigaction\",\"rt_sigprocmask\","           \
	      "\"rt_sigreturn\"",                                                                 \
		"")                                                                               \
	"," ALLOW("\"ioctl\"", ARG(1, 21505, EQ)) "," ALLOW(                                      \
		"\"socket\"", ARG(0, 1, EQ)) "," ALLOW("\"socket\"",                              \
		ARG(0, 2,                                                                         \
			EQ)) ","                                                                  \
			     "{\"name\":\"clone3\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38}"
#define CLONE                                                                                 \
	"," ALLOW("\"clone\"", ",\"args\":[{\"index\":0,\"value\":2114060288,\"valueTwo\":0," \
			       "\"op\":\"SCMP_CMP_MASKED_EQ\"}]")
#define TAIL "]}"
#define WITH(more) HEAD BASIC CLONE "," more TAIL

struct verdict {
	const char *text, *want; /* NULL: good */
};

static void expect_verdict(const struct verdict *v)
{
	CLEANUP(seccomp_report_release) struct seccomp_report r = { 0 };
	CLEAN_BUF struct buf all = BUF_INIT(MIB(1));

	seccomp_profile_verify(v->text, strlen(v->text), &r);
	for (size_t i = 0; i < r.n; i++)
		buf_addf(&all, "%s: %s, expected %s\n", r.findings[i].where, r.findings[i].what,
			r.findings[i].expected);
	if (v->want ? !strstr(buf_cstr(&all), v->want) : r.n > 0 || r.probes < 60)
		fail_msg("%s\nsays:\n%s(%zu probes) expected \"%s\"", v->text, buf_cstr(&all),
			r.probes, v->want ? v->want : "good");
}

static void test_profile_structure(void **state)
{
	static const struct verdict cases[] = {
		{ "", "profile: JSON" },
		{ "[]", "profile: array, expected an object" },
		{ "{}", "\"defaultAction\" is missing" },
		{ "{\"a\":1}", "unknown key \"a\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_LOG\"}", "not an action" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}", "\"architectures\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[],\"syscalls\":[]}",
			"\"architectures\"" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
		  "\"SCMP_ARCH_X86\"],\"syscalls\":[]}",
			"architectures: SCMP_ARCH_X86 adds a second system call table" },
		{ "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"archMap\":[{\"architecture\":"
		  "\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X32\"]}],\"syscalls\":"
		  "[]}",
			"archMap: SCMP_ARCH_X32 adds a second system call table" },
		{ "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
		  "\"syscalls\":[]}",
			"profile: \"defaultAction\" allows, it must deny, expected "
			"SCMP_ACT_ERRNO" },
		{ HEAD TAIL, "allows nothing" },
		{ HEAD BASIC CLONE TAIL, NULL },
		{ WITH("{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_NOTIFY\"}"),
			"syscalls[6]: \"action\": SCMP_ACT_NOTIFY is not an action" },
		{ WITH("{\"names\":[\"bpf\"],\"acton\":\"SCMP_ACT_ERRNO\"}"),
			"syscalls[6]: unknown key \"acton\"" },
		{ WITH("{\"action\":\"SCMP_ACT_ALLOW\"}"), "syscalls[6]: neither" },
		{ WITH("{\"names\":[7],\"action\":\"SCMP_ACT_ALLOW\"}"), "\"names\" has a number" },
		{ WITH("{\"name\":\"bpf\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":\"EPERM\"}"),
			"\"errnoRet\" is no such number" },
		{ WITH(ALLOW("\"personality\"", ARG(6, 0, EQ))),
			"syscalls[6].args[0]: \"index\" is missing or no such number" },
		{ WITH(ALLOW("\"personality\"", ARG(0, -1, EQ))), "\"value\" is missing" },
		{ WITH(ALLOW("\"personality\"", ARG(0, 0, IN))), "\"op\" SCMP_CMP_IN is unknown" },
		{ WITH("{\"names\":[\"uprobe_of_tomorrow\"],\"action\":\"SCMP_ACT_ERRNO\","
		       "\"errnoRet\":"
		       "2}"),
			"syscalls[6]: \"uprobe_of_tomorrow\" is not a system call" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_verdict(&cases[i]);
}

static void test_profile_rules(void **state)
{
	static const struct verdict cases[] = {
		{ WITH(ALLOW("\"socket\"", ARG(0, 40, NE))),
			"syscalls[6].args[0]: SCMP_CMP_NE in a rule that allows is met by "
			"setting" },
		{ WITH(ALLOW("\"socket\"", ARG(0, 40, GT))), "SCMP_CMP_GT in a rule that allows" },
		{ WITH(ALLOW("\"personality\"", ",\"args\":[{\"index\":0,\"value\":1,\"op\":"
						"\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":2,\"op\":"
						"\"SCMP_CMP_EQ\"}]")),
			"syscalls[6].args[1]: two arguments of index 0" },
		{ WITH(ALLOW("\"personality\"", ",\"args\":[{\"index\":0,\"value\":1,\"valueTwo\":"
						"2,\"op\":\"SCMP_CMP_MASKED_EQ\"}]")),
			"the rule is dead" },
		{ WITH("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5" ARG(
			  0, 9, EQ) "}"),
			"\"read\" is denied by arguments and allowed without: this rule is dead" },
		{ WITH(ALLOW("\"read\"", ARG(0, 9, EQ))), "this rule is dead" },
		{ WITH("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":5}"),
			"both allowed and denied" },
		{ WITH("{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\"" ARG(0, 40, EQ) "}"),
			"repeats the default" },
		{ WITH("{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":2" ARG(
			  0, 40, EQ) "}"),
			"\"socket\" is denied by whole values: a high bit gets past" },
		/* needs a capability that no step has: as good as absent */
		{ WITH("{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\","
		       "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}}"),
			NULL },
		{ WITH("{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{"
		       "\"arches\":"
		       "[\"s390x\"]}}"),
			NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_verdict(&cases[i]);
}

static void test_profile_compiled(void **state)
{
	static const struct verdict cases[] = {
		{ HEAD BASIC TAIL, "compiled filter: clone(0x11, 0, 0) is answered errno 1" },
		{ HEAD BASIC "," ALLOW("\"clone\"", "") TAIL,
			"compiled filter: clone(0x10000011, 0, 0) is allowed (makes a user" },
		{ WITH(ALLOW("\"bpf\"", "")), "bpf(0, 0, 0) is allowed" },
		{ WITH(ALLOW("\"ptrace\"", "")), "ptrace(0x10, 0x1, 0) is allowed" },
		{ WITH(ALLOW("\"socket\"", "")),
			"socket(0x28, 0x1, 0) is allowed (opens AF_VSOCK)" },
		/* the filter compares the upper half of the value too, the lower one is what counts
		 */
		{ WITH(ALLOW("\"socket\"", ",\"args\":[{\"index\":0,\"value\":1099511627776,"
					   "\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]")),
			"socket(0x100000028, 0x1, 0) is allowed" },
		{ "{\"defaultAction\":\"SCMP_ACT_KILL\",\"architectures\":[\"SCMP_ARCH_AARCH64\"],"
		  "\"syscalls\":[" ALLOW("\"read\"", "") "]}",
			"clone3(0, 0, 0) kills" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_verdict(&cases[i]);
}

/* Both products, judged for their own architecture on whatever machine this is. */
static void test_profiles_of_both_architectures(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(seccomp_arches); i++) {
		CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
		CLEANUP(seccomp_report_release) struct seccomp_report r = { 0 };
		struct err e = { 0 };

		assert_int_equal(seccomp_profile_json(seccomp_arches[i].token, &text, &e), 0);
		expect_verdict(&(struct verdict){ buf_cstr(&text), NULL });
		seccomp_profile_verify(text.data, text.len, &r);
		assert_int_equal(r.arch, seccomp_arches[i].token);
		assert_int_equal(r.notes.n, 0);
		CLEAN_STR char *beyond = NULL;
		assert_int_equal(seccomp_profile_check(text.data, text.len, &beyond, &e) == 0,
			r.arch == seccomp_arch_native());
	}
}

/* The default of an engine, in the form in which it is shipped: it confines, for less. One call
 * more that no profile may allow, and it does not. */
static void test_profile_of_an_engine(void **state)
{
	static const struct {
		const char *rule; /* in front of the others */
		const char *grave;
	} cases[] = {
		{ "", NULL },
		{ "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		  "\"value\":38,\"op\":\"SCMP_CMP_LT\"}]},",
			NULL },
		{ "{\"names\":[\"unshare\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
		  "\"value\":0,\"op\":\"SCMP_CMP_GT\"}]},",
			"unshare(0x10000000, 0, 0) is allowed" },
		{ "{\"names\":[\"userfaultfd\"],\"action\":\"SCMP_ACT_ALLOW\"},",
			"userfaultfd(0, 0, 0)" },
		{ "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\"},",
			"\"clone\" is allowed by arguments and allowed without" },
		{ "{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\"},", "mount(0, 0, 0)" },
		{ "{\"names\":[\"keyctl\"],\"action\":\"SCMP_ACT_ALOW\"},", "is not an action" },
	};
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_read("tests/hosted-role/seccomp.json", &text, &e), 0);
	const char *rules = strstr(buf_cstr(&text), "\"syscalls\": [") + strlen("\"syscalls\": [");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *whole = xasprintf("%.*s%s%s", (int)(rules - buf_cstr(&text)),
			buf_cstr(&text), cases[i].rule, rules);
		CLEAN_STR char *beyond = NULL;
		int rc = seccomp_profile_check(whole, strlen(whole), &beyond, &e);

		assert_int_equal(rc, cases[i].grave ? -1 : 0);
		if (cases[i].grave && !strstr(e.text, cases[i].grave))
			fail_msg("%s", e.text);
		if (!cases[i].grave)
			assert_non_null(strstr(beyond, "32-bit calls, arguments with a high bit, "
						       "io_setup, ptrace, process_vm_readv"));
	}
}

/* Runs fn in a child under a filter; returns its wait status. */
static int in_child(enum seccomp_child which, int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = { 0 };

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (seccomp_load_child(which, &e) < 0)
			_exit(99);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static bool opens(const char *path, int flags)
{
	CLEAN_FD int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd >= 0;
}

static bool talks(int family, int type, int protocol)
{
	CLEAN_FD int fd = socket(family, type, protocol);

	return fd >= 0;
}

static int net_things(void)
{
	if (!talks(AF_INET, SOCK_STREAM, 0))
		return 1;
	if (!opens("/dev/null", O_RDONLY))
		return 2;
	if (opens("/dev/null", O_WRONLY) || errno != ENOSYS)
		return 3;
	if (opens("/tmp/never-made", O_RDONLY | O_CREAT))
		return 4;
	if (talks(AF_PACKET, SOCK_RAW, 0) || talks(AF_NETLINK, SOCK_RAW, 9))
		return 5;
	return unlink("/tmp/never-made") == 0 ? 6 : 0;
}

static int tree_things(void)
{
	if (talks(AF_INET, SOCK_STREAM, 0) || talks(AF_UNIX, SOCK_STREAM, 0))
		return 1;
	if (ioctl(0, TCGETS, 0) == 0 || errno != ENOTTY)
		return 2;
	return !opens("/dev/null", O_WRONLY) ? 3 : 0;
}

static int run_program(void)
{
	char *const argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv);
	return 0;
}

static int fork_one(void)
{
	return fork() >= 0;
}

static void test_children(void **state)
{
	(void)state;
	assert_int_equal(in_child(SECCOMP_CHECKOUT_NET, net_things), 0);
	assert_int_equal(in_child(SECCOMP_CHECKOUT_TREE, tree_things), 0);
	for (int which = SECCOMP_CHECKOUT_NET; which <= SECCOMP_CHECKOUT_TREE; which++) {
		int status = in_child((enum seccomp_child)which, run_program);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
		/* fork is clone here, without the flags of a thread */
		assert_int_equal(in_child((enum seccomp_child)which, fork_one), 0);
	}
}

/* What people run in steps, under the very table, loaded for real. */
static int run_under_step(const char *script)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		char *const argv[] = { (char *)"bash", (char *)"-ec", (char *)script, NULL };
		scmp_filter_ctx x = seccomp_init(SCMP_ACT_ERRNO(EPERM));

		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			seccomp_table_each(SCMP_ARCH_NATIVE, SC_STEP, add, x) < 0 ||
			seccomp_load(x) < 0)
			_exit(99);
		execv("/bin/bash", argv);
		_exit(98);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_step_programs(void **state)
{
	static const char *const scripts[] = {
		"d=$(mktemp -d); cd $d; printf 'int main(void){return 0;}' >a.c; gcc a.c -o a; "
		"./a; rm -r $d",
		"export HOME=/nonexistent XDG_CONFIG_HOME=/nonexistent; d=$(mktemp -d); cd $d; git "
		"init -q .; echo x >x; git add x; "
		"git -c user.name=a -c user.email=b@c commit -qm m; git log | grep -q m; rm -rf $d",
		"/usr/bin/python3 -c 'import threading,asyncio,multiprocessing as m,subprocess;"
		"t=threading.Thread(target=print);t.start();t.join();"
		"p=m.Process(target=print);p.start();p.join();assert p.exitcode==0;"
		"asyncio.run(asyncio.sleep(0));subprocess.run([\"true\"],check=True)' >/dev/null",
		"tar -C /etc -cf - hostname | tar -tf - >/dev/null; seq 100 | xargs -n 10 -P 4 "
		"echo | wc -l "
		">/dev/null; find /etc -maxdepth 1 -name passwd | grep -q passwd",
		/* what must fail, fails as a refusal */
		"! unshare -U true 2>/dev/null",
		"! mount -t tmpfs none /mnt 2>/dev/null",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		int status = run_under_step(scripts[i]);

		if (status != 0)
			fail_msg("status %#x: %s", status, scripts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_foreign_architecture_dies),
		cmocka_unit_test(test_profile_is_good),
		cmocka_unit_test(test_profile_structure),
		cmocka_unit_test(test_profile_rules),
		cmocka_unit_test(test_profile_compiled),
		cmocka_unit_test(test_profiles_of_both_architectures),
		cmocka_unit_test(test_profile_of_an_engine),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_step_programs),
	};

	return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
