/*
 * The git child of one request, started through a role that confines it (child.h). Its environment
 * is made from nothing and its configuration comes from the command line alone: neither serve's own
 * environment nor a user's gitconfig can change what git does with data from the network.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "coordinator/git/child.h"
#include "coordinator/git/private.h"
#include "coordinator/repo/repo.h"
#include "coordinator/store/repo.h"

static const size_t pools[] = {
	[GIT_CALLER_ANONYMOUS] = 16,
	[GIT_CALLER_USER] = 32,
	[GIT_CALLER_JOB] = 48,
};

static bool too_many(const struct app *a, enum git_caller caller)
{
	size_t n = 0;

	for (const struct git_session *s = a->git_sessions; s; s = s->next)
		n += s->caller == caller;
	return n >= pools[caller];
}

/* Whole words only: "version=2" anywhere between colons. */
static bool wants_version2(const char *protocol)
{
	CLEANUP(strv_release) struct strv words = { 0 };

	if (protocol)
		strv_split(&words, protocol, ':');
	return strv_contains(&words, "version=2");
}

/* Nothing of the host's or the operator's git configuration reaches the child. */
static void make_env(struct strv *env, const char *protocol)
{
	strv_add(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strv_add(env, "LANG=C.UTF-8");
	strv_add(env, "HOME=/nonexistent");
	strv_add(env, "GIT_CONFIG_NOSYSTEM=1");
	strv_add(env, "GIT_CONFIG_GLOBAL=/dev/null");
	strv_add(env, "GIT_TERMINAL_PROMPT=0");
	if (protocol)
		strv_addf(env, "GIT_PROTOCOL=%s", protocol);
}

static void make_argv(
	struct strv *argv, const struct git_session_spec *spec, const char *path, const char *hooks)
{
	strv_add(argv, "shithubd");
	strv_add(argv, GIT_CHILD_VERB);
	if (spec->service == GIT_RECEIVE_PACK)
		strv_add(argv, "--write");
	if (!str_empty(hooks))
		strv_addf(argv, "--hooks=%s", hooks);
	strv_addf(argv, "--repo=%s", path);
	strv_add(argv, "--");
	strv_add(argv, git_service_name(spec->service) + strlen("git-"));
	if (spec->service == GIT_UPLOAD_PACK)
		strv_add(argv, "--strict");
	strv_add(argv, "--stateless-rpc");
	if (spec->advertise)
		strv_add(argv, "--advertise-refs");
	strv_add(argv, path);
}

struct ends {
	int in[2], out[2]; /* [0]: ours, [1]: the child's */
};

static void ends_close(struct ends *f)
{
	for (int i = 0; i < 2; i++) {
		close_fdp(&f->in[i]);
		close_fdp(&f->out[i]);
	}
}

/* stdin is a socket pair: it can be written without a SIGPIPE. */
static int ends_open(struct ends *f, struct err *e)
{
	int pipe_fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->in) < 0)
		return err_set_errno(e, errno, "socketpair");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	f->out[0] = pipe_fds[0];
	f->out[1] = pipe_fds[1];
	if (fcntl(f->out[0], F_SETFL, O_NONBLOCK) < 0)
		return err_set_errno(e, errno, "pipe");
	/* larger is faster; the limit of the host may refuse it */
	IGNORE_RESULT(fcntl(f->out[0], F_SETPIPE_SZ, (int)MIB(1)), "fewer reads; a bonus");
	return 0;
}

static int spawn_git(struct git_session *s, const struct git_session_spec *spec, struct err *e)
{
	CLEANUP(ends_close) struct ends f = { { -1, -1 }, { -1, -1 } };
	CLEANUP(strv_release) struct strv argv = { 0 };
	CLEANUP(strv_release) struct strv env = { 0 };
	CLEAN_STR char *path = repo_path(s->app->data_dir, &s->repo);

	s->said = memfd_create("git-stderr", MFD_CLOEXEC);
	if (s->said < 0)
		return err_set_errno(e, errno, "memfd");
	if (ends_open(&f, e) < 0)
		return -1;
	make_argv(&argv, spec, path, s->app->git_hooks);
	make_env(&env, spec->protocol);
	struct proc_fd fds[] = { { f.in[1], 0 }, { f.out[1], 1 }, { s->said, 2 } };
	struct proc_spec child = {
		.path = "/proc/self/exe",
		.argv = argv.v,
		.envp = env.v,
		.fds = fds,
		.n_fds = ARRAY_LEN(fds),
		.new_session = true,
		.die_with_parent = true,
	};
	if (proc_spawn(&s->proc, &child, e) < 0)
		return -1;
	s->in = TAKE_FD(f.in[0]);
	s->out = TAKE_FD(f.out[0]);
	return 0;
}

static void copy_repo(struct repo_row *to, const struct repo_row *from)
{
	*to = *from;
	to->owner = xstrdup(from->owner);
	to->name = xstrdup(from->name);
	to->default_branch = xstrdup(from->default_branch);
}

struct git_session *git_session_spawn(
	struct app *a, const struct git_session_spec *spec, struct err *e)
{
	if (too_many(a, spec->caller)) {
		err_set(e, ERR_CONFLICT, "more than %zu git requests of this kind at a time",
			pools[spec->caller]);
		return NULL;
	}
	struct git_session *s = xcalloc(1, sizeof(*s));
	s->app = a;
	s->in = s->out = s->said = -1;
	s->proc = (struct proc)PROC_INIT;
	s->service = spec->service;
	s->caller = spec->caller;
	s->advertise = spec->advertise;
	s->version2 = wants_version2(spec->protocol);
	s->pusher = xstrdup(spec->pusher);
	s->pat_id = spec->pat_id;
	copy_repo(&s->repo, spec->repo);
	buf_init(&s->early, GIT_EARLY_MAX);
	s->next = a->git_sessions;
	if (s->next)
		s->next->link = &s->next;
	s->link = &a->git_sessions;
	a->git_sessions = s;
	bool push = spec->service == GIT_RECEIVE_PACK && !spec->advertise;
	if (git_input_init(&s->input, spec->gzip, push, e) < 0 || spawn_git(s, spec, e) < 0) {
		git_session_free(s);
		return NULL;
	}
	return s;
}
