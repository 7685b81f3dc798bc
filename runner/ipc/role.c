/*
 * A role is this program again with another verb, started by fork and exec: exec gives it a fresh
 * address space without the supervisor's token, and exactly the descriptors and variables named
 * here. die_with_parent ends it with its supervisor, whatever it does at that moment.
 */
#include "runner/ipc/role.h"

#include "base/cli.h"
#include "base/exits.h"
#include "base/limits.h"
#include "base/log.h"
#include "config/runner_inherit.h"
#include "sandbox/drop.h"

enum { ROLE_ARGS_MAX = 32, ROLE_FDS_MAX = 8 };

int role_start(struct role *r, struct loop *l, char *const *argv, char *const *envp,
	const struct proc_fd *fds, size_t n_fds, int err_fd, loop_io_fn on_exit, void *data,
	struct err *e)
{
	struct proc_fd all[ROLE_FDS_MAX];
	char *args[ROLE_ARGS_MAX + 2] = { (char *)"shithubd-runner" };
	struct proc_spec spec = { .path = "/proc/self/exe",
		.argv = args,
		.envp = envp,
		.fds = all,
		.n_fds = n_fds + 1,
		.new_session = true,
		.die_with_parent = true };
	size_t n = 0;

	while (n < ROLE_ARGS_MAX && argv[n]) {
		args[n + 1] = argv[n];
		n++;
	}
	if (argv[n] || n_fds + 1 > ROLE_FDS_MAX)
		BUG("role %s: too many arguments or descriptors", argv[0]);
	for (size_t i = 0; i < n_fds; i++)
		all[i] = fds[i];
	all[n_fds] = (struct proc_fd){ .from = err_fd >= 0 ? err_fd : STDERR_FILENO,
		.to = STDERR_FILENO };
	if (proc_spawn(&r->proc, &spec, e) < 0)
		return err_wrap(e, "start role %s", argv[0]);
	r->watch = proc_watch(l, &r->proc, on_exit, data);
	return 0;
}

bool role_running(const struct role *r)
{
	return r->proc.pid > 0;
}

void role_reap(struct role *r, int *ret_status)
{
	loop_source_unref(&r->watch);
	if (proc_reap(&r->proc, ret_status) != 1)
		BUG("a role that ended could not be reaped");
}

void role_kill(struct role *r)
{
	loop_source_unref(&r->watch);
	proc_destroy(&r->proc);
}

void role_abandon(struct role *r)
{
	int ignored;

	loop_source_unref(&r->watch);
	if (!role_running(r))
		return;
	proc_signal(&r->proc, SIGKILL);
	if (proc_reap(&r->proc, &ignored) == 0) {
		close_fdp(&r->proc.pidfd);
		r->proc.pid = 0;
	}
}

/* What a job process needs beside the configuration to find its engine, credentials of registries,
 * and to trace. */
void role_pass_through(struct strv *env)
{
	static const char *const names[] = { "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR",
		"PATH", "HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "SHITHUB_TRACE", "TERM",
		"NO_COLOR", "SSL_CERT_FILE", "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
		"LSAN_OPTIONS" };

	strv_add(env, "LANG=C.UTF-8");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value)
			strv_addf(env, "%s=%s", names[i], value);
	}
}

int role_begin(
	int argc, char **argv, const struct cli_flag *flags, size_t n, struct runner_config *ret)
{
	struct drop_spec drop = { .uid = (uid_t)-1, .gid = (gid_t)-1, .keep_groups = true };
	struct err e = { 0 };
	char **args;
	int n_args, rc = cli_parse(argc, argv, flags, n, NULL, 0, &args, &n_args);

	if (rc != 0)
		return rc > 0 ? 1 : -EXIT_USAGE;
	if (drop_privileges(&drop, &e) < 0 || runner_config_inherit(ret, &e) < 0)
		return -cli_fail(EXIT_FINDINGS, "%s: %s", argv[0], e.text);
	log_setup(ret->runner.log_level, ret->runner.log_format, STDERR_FILENO);
	return 0;
}
