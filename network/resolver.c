/*
 * dnsmasq's rules of precedence carry the list: `address=/#/` answers "no such name" to everything,
 * a more specific `server=/name/…` forwards a name and all below it, which is what "*.name" means;
 * "local" of the starred name takes what is below back, so an exact name is server + local. `local`
 * is left out where a pattern above allows what is below anyway, for it would be the more specific
 * one there.
 *
 * The file holds names, addresses and our own identifiers only (network/plan.h); paths, which may
 * hold anything, go on the command line.
 */
#include "network/resolver.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/proc.h"
#include "network/nft.h"

#define PROGRAM "dnsmasq"
#define START_TIMEOUT_US (20 * USEC_PER_SEC)
#define FOREGROUND "--keep-in-foreground"
enum { STOP_MS = 5000 };

/* ---- configuration ---- */

static void add_servers(const struct network_plan *p, const char *name, struct buf *out)
{
	strv_each (address, &p->upstream)
		buf_addf(out, "server=/%s/%s\n", name, address);
}

static void add_name(const struct network_plan *p, const struct allowed_name *one, struct buf *out)
{
	add_servers(p, one->name, out);
	if (!one->below && !allowlist_covers_below(&p->names, one->name))
		buf_addf(out, "local=/*.%s/\n", one->name);
	/* covers what is below too; only what was forwarded gets here */
	buf_addf(out, "nftset=/%s/4#inet#%s#" NFT_SET "\n", one->name, p->table);
	if (p->config->network.allow_private.n)
		buf_addf(out, "rebind-domain-ok=/%s/\n", one->name); /* the firewall judges */
}

void resolver_conf(const struct network_plan *p, const char *user, struct buf *out)
{
	buf_addf(out,
		"# Written by shithubd-runner network up; changes are lost.\n"
		"user=%s\n"
		"bind-dynamic\n"
		"interface=%s\n"
		"except-interface=lo\n"
		"no-resolv\nno-hosts\nno-poll\n"
		"cache-size=0\n"
		"max-tcp-connections=%d\n"
		"max-ttl=60\n"
		"domain-needed\n"
		"filter-AAAA\n"
		"stop-dns-rebind\n"
		"address=/#/\n",
		user, p->bridge, RESOLVER_STREAMS);
	for (size_t i = 0; i < p->names.n; i++)
		add_name(p, &p->names.v[i], out);
}

const char *resolver_user(void)
{
	/* cppcheck-suppress getpwnamCalled ; one thread */
	return getpwnam("dnsmasq") ? "dnsmasq" : "nobody";
}

void resolver_argv(const struct network_plan *p, bool foreground, struct strv *ret)
{
	strv_add(ret, PROGRAM);
	strv_addf(ret, "--conf-file=%s/dnsmasq.conf", p->dir);
	strv_addf(ret, "--pid-file=%s/dnsmasq.pid", p->dir);
	if (foreground) {
		strv_add(ret, FOREGROUND);
		strv_add(ret, "--log-facility=-");
	} else {
		strv_addf(ret, "--log-facility=%s/dnsmasq.log", p->dir);
	}
}

bool resolver_conf_current(const struct network_plan *p)
{
	CLEAN_BUF struct buf have = BUF_INIT(MIB(1)), want = BUF_INIT(MIB(1));
	CLEAN_STR char *path = network_plan_file(p, "dnsmasq.conf");
	struct err ignored = { 0 };

	resolver_conf(p, resolver_user(), &want);
	return file_read(path, &have, &ignored) == 0 && have.len == want.len &&
	       memcmp(buf_cstr(&have), buf_cstr(&want), want.len) == 0;
}

int resolver_write_conf(const struct network_plan *p, struct err *e)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	CLEAN_STR char *path = network_plan_file(p, "dnsmasq.conf");

	resolver_conf(p, resolver_user(), &text);
	if (!buf_ok(&text))
		return err_set(e, ERR_LIMIT, "resolver configuration of more than 1 MiB");
	return file_replace(path, text.data, text.len, 0644, e);
}

/* ---- the process ---- */

/* The number in the pid file; 0: there is none. */
static int64_t pid_in_file(const struct network_plan *p)
{
	CLEAN_BUF struct buf text = BUF_INIT(64);
	CLEAN_STR char *path = network_plan_file(p, "dnsmasq.pid");
	struct err ignored = { 0 };
	int64_t pid;

	if (file_read(path, &text, &ignored) < 0 || text.len == 0)
		return 0;
	text.data[strcspn(text.data, "\n")] = '\0';
	return parse_i64(text.data, 2, INT32_MAX, &pid) ? pid : 0;
}

/* Is argument one of the process's? Arguments end with NUL in /proc. */
static bool has_argument(const struct buf *cmdline, const char *argument)
{
	const char *end = buf_cstr(cmdline) + cmdline->len;

	for (const char *s = buf_cstr(cmdline); s < end; s += strlen(s) + 1)
		if (str_eq(s, argument))
			return true;
	return false;
}

/* A pidfd of our resolver, -1 when it does not run. The pidfd is opened before the command line is
 * read: what was read then belongs to what will be signalled, or that is gone. */
static int resolver_open(const struct network_plan *p, bool *ret_supervised)
{
	CLEAN_BUF struct buf cmdline = BUF_INIT(KIB(64));
	CLEAN_STR char *conf = xasprintf("--conf-file=%s/dnsmasq.conf", p->dir);
	int64_t pid = pid_in_file(p);
	CLEAN_FD int pidfd = pid ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1;
	CLEAN_STR char *path = xasprintf("/proc/%" PRId64 "/cmdline", pid);
	struct err ignored = { 0 };

	if (pidfd < 0 || file_read(path, &cmdline, &ignored) < 0 || !has_argument(&cmdline, conf))
		return -1;
	*ret_supervised = has_argument(&cmdline, FOREGROUND);
	return TAKE_FD(pidfd);
}

bool resolver_running(const struct network_plan *p, bool *ret_supervised)
{
	CLEAN_FD int pidfd = resolver_open(p, ret_supervised);

	return pidfd >= 0;
}

int resolver_start(const struct network_plan *p, struct loop *l, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEAN_BUF struct buf words = BUF_INIT(KIB(16));
	struct proc_spec spec = { .cwd = "/" };
	char text[PROC_STATUS_TEXT];
	int status = 0;

	resolver_argv(p, false, &argv);
	spec.argv = argv.v;
	/* it returns when it listens, or says why not */
	if (proc_run(l, &spec, NULL, 0, mono_add(mono_now(), START_TIMEOUT_US), NULL, &words,
		    &status, e) < 0)
		return err_wrap(e, "resolver (package dnsmasq-base)");
	if (status == 0)
		return 0;
	if (words.len)
		words.data[strcspn(words.data + 1, "\n") + 1] = '\0';
	return err_set(e, ERR_IO, "resolver: %s",
		words.len ? words.data + (words.data[0] == '\n') : proc_status_text(status, text));
}

static bool gone_within(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

int resolver_stop(const struct network_plan *p, struct err *e)
{
	bool supervised;
	CLEAN_FD int pidfd = resolver_open(p, &supervised);

	if (pidfd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return err_set_errno(e, errno, "stop the resolver");
	if (gone_within(pidfd, STOP_MS))
		return 0;
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	return gone_within(pidfd, STOP_MS) ? 0 : err_set(e, ERR_TIMEOUT, "resolver: did not end");
}
