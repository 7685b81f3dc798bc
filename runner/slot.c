/* See slot.h. */
#include "runner/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"

enum slot_state { SLOT_MAKING, SLOT_COPYING, SLOT_RUNNING, SLOT_REMOVING, SLOT_OVER };

struct slot {
	struct slot_owner owner;
	struct claim_identity id;
	enum slot_state state;
	int claim_fd; /* memfd until the job process has it */
	int channel;  /* our end */
	struct loop_source *channel_watch;
	struct role job, helper, janitor; /* helper: a checkout or artifact child */
	int janitor_err;                  /* read end of the janitor's stderr */
	char *workspace_error;            /* why there is no workspace; NULL: there is one */
	char conclusion[CHANNEL_TEXT];
	struct progress_view progress;
	struct mono since;               /* when the claim came */
	bool claim_cut, cancelled, made; /* made: there is a workspace to remove */
};

static void slot_enter(struct slot *s, enum slot_state next);

static int store_claim(struct slice claim, struct err *e)
{
	CLEAN_FD int fd = memfd_create("claim", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return err_set_errno(e, errno, "memory file for the claim");
	if (fd_write_all(fd, claim.ptr, claim.len, e) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
			0)
		return err_set_errno(e, errno, "seal the claim");
	return TAKE_FD(fd);
}

struct slot *slot_start(const struct slot_owner *owner, struct claim_identity *identity,
	struct slice claim, bool cut, struct err *e)
{
	struct slot *s;
	int fd = store_claim(claim, e);

	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->owner = *owner;
	s->id = *identity;
	*identity = (struct claim_identity){ 0 };
	wipe_charp(&s->id.token); /* the job process reads its own from the claim */
	s->claim_fd = fd;
	s->claim_cut = cut;
	s->progress.last = (struct progress)PROGRESS_INIT;
	s->since = loop_now(owner->loop);
	s->channel = s->janitor_err = -1;
	s->job = s->helper = s->janitor = (struct role)ROLE_INIT;
	slot_enter(s, SLOT_MAKING);
	return s;
}

void slot_free(struct slot *s)
{
	if (!s)
		return;
	role_kill(&s->helper);
	role_kill(&s->job);
	role_kill(&s->janitor);
	loop_source_free(s->channel_watch);
	close_fdp(&s->channel);
	close_fdp(&s->claim_fd);
	close_fdp(&s->janitor_err);
	free(s->workspace_error);
	claim_identity_release(&s->id);
	free(s);
}

bool slot_over(const struct slot *s)
{
	return s->state == SLOT_OVER;
}

int64_t slot_job_id(const struct slot *s)
{
	return s->id.job_id;
}

const char *slot_conclusion(const struct slot *s)
{
	return *s->conclusion ? s->conclusion : "crashed";
}

static const char *const state_names[] = { "making", "copying", "running", "removing", "over" };

struct slot_view slot_view(const struct slot *s)
{
	return (struct slot_view){ .job_id = s->id.job_id,
		.run_id = s->id.run_id,
		.state = state_names[s->state],
		.since = s->since,
		.progress = &s->progress };
}

void slot_cancel(struct slot *s)
{
	s->cancelled = true;
	if (role_running(&s->job))
		proc_signal(&s->job.proc, SIGTERM);
}

void slot_kill(struct slot *s)
{
	s->cancelled = true;
	if (role_running(&s->job))
		proc_signal(&s->job.proc, SIGKILL);
}

/* ---- janitor ---- */

/* The janitor's one line of why; its exit status says whether. */
static char *janitor_complaint(struct slot *s)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(4));
	struct err ignored = { 0 };

	if (fd_read_all(s->janitor_err, &text, &ignored) < 0 && text.len == 0)
		return xstrdup(ignored.text);
	while (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return xstrdup(buf_cstr(&text));
}

static void on_janitor_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	CLEAN_STR char *said = NULL;
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->janitor, &status);
	said = janitor_complaint(s);
	close_fdp(&s->janitor_err);
	if (*said)
		log_warn("supervisor",
			s->state == SLOT_REMOVING ? "workspace_remove" : "workspace_make",
			F_INT("job", s->id.job_id), F_STR("said", said));
	if (s->state == SLOT_REMOVING) {
		slot_enter(s, SLOT_OVER);
		return;
	}
	if (status != 0)
		s->workspace_error = xstrdup(*said ? said : "the workspace could not be made");
	else
		s->made = true;
	slot_enter(s, s->state == SLOT_MAKING && s->owner.local && status == 0 ? SLOT_COPYING
									       : SLOT_RUNNING);
}

static int start_worker(
	struct slot *s, char *const *argv, const struct proc_fd *fds, size_t n_fds, struct err *e)
{
	int pipe_fds[2], rc;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe for the %s", argv[0]);
	s->janitor_err = pipe_fds[0];
	rc = role_start(&s->janitor, s->owner.loop, argv, NULL, fds, n_fds, pipe_fds[1],
		on_janitor_exit, s, e);
	close(pipe_fds[1]);
	if (rc < 0)
		close_fdp(&s->janitor_err);
	return rc;
}

static int start_janitor(struct slot *s, const char *action, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct runner_config *c = s->owner.config;

	strv_add(&argv, "janitor");
	strv_add(&argv, action);
	strv_addf(&argv, "--root=%s", c->runner.workspace_root);
	strv_addf(&argv, "--run=%" PRId64, s->id.run_id);
	strv_addf(&argv, "--job=%" PRId64, s->id.job_id);
	strv_addf(&argv, "--uid=%" PRId64, c->engine.uid);
	strv_addf(&argv, "--gid=%" PRId64, c->engine.gid);
	return start_worker(s, argv.v, NULL, 0, e);
}

/* A role that becomes the step user in the job's workspace. */
static void step_role_argv(const struct slot *s, const char *role, struct strv *argv)
{
	const struct runner_config *c = s->owner.config;

	strv_add(argv, role);
	strv_addf(argv, "--uid=%" PRId64, c->engine.uid);
	strv_addf(argv, "--gid=%" PRId64, c->engine.gid);
	strv_addf(argv, "--workspace=%s/%" PRId64 "/%" PRId64, c->runner.workspace_root,
		s->id.run_id, s->id.job_id);
}

static void local_copy_argv(const struct slot *s, struct strv *argv)
{
	step_role_argv(s, "local-copy", argv);
	strv_addf(argv, "--label=%s", s->owner.local->label);
}

static void enter_copying(struct slot *s)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct proc_fd fds[] = { { s->owner.local->source, ROLE_FD_SOURCE },
		{ s->owner.local->files, ROLE_FD_FILES } };
	struct err e = { 0 };

	local_copy_argv(s, &argv);
	if (start_worker(s, argv.v, fds, ARRAY_LEN(fds), &e) < 0) {
		s->workspace_error = xstrdup(e.text);
		slot_enter(s, SLOT_RUNNING);
	}
}

static void enter_making(struct slot *s)
{
	struct err e = { 0 };

	if (s->id.run_id <= 0) {
		s->workspace_error = xstrdup("the claim names no run");
		slot_enter(s, SLOT_RUNNING);
	} else if (start_janitor(s, "make", &e) < 0) {
		s->workspace_error = xstrdup(e.text);
		slot_enter(s, SLOT_RUNNING);
	}
}

static void enter_removing(struct slot *s)
{
	struct err e = { 0 };

	if (!s->made) {
		slot_enter(s, SLOT_OVER);
	} else if (start_janitor(s, "remove", &e) < 0) {
		log_error("supervisor", "workspace_remove", F_INT("job", s->id.job_id), F_ERR(&e));
		slot_enter(s, SLOT_OVER);
	}
}

/* ---- children that work as the step user ---- */

static void on_helper_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->helper, &status);
	if (status != 0)
		log_debug("supervisor", "helper_ended", F_INT("job", s->id.job_id),
			F_STR("status", proc_status_text(status, text)));
}

/* safe: the child gets nothing but the job's own socket and this job's step user; what the socket
 * asks for is re-checked by the child after it has dropped to that user. */
static int start_helper(struct slot *s, const char *wanted, int socket_fd, struct err *e)
{
	static const char *const roles[] = { "checkout", "artifact" };
	CLEANUP(strv_release) struct strv argv = { 0 };
	const char *role = NULL;
	const struct slot_local *local = s->owner.local;
	struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL },
		{ local ? local->source : -1, ROLE_FD_SOURCE },
		{ local ? local->files : -1, ROLE_FD_FILES } };
	size_t n_fds = 1;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(wanted, roles[i]))
			role = roles[i];
	if (!role)
		return err_set(e, ERR_PROTO, "request for an unknown role");
	if (s->workspace_error)
		return err_set(e, ERR_PROTO, "request for the role %s without a workspace", role);
	/* one at a time: who asks again is done with the last one, which may still be ending */
	role_kill(&s->helper);
	if (local && str_eq(role, "checkout")) {
		local_copy_argv(s, &argv);
		strv_add(&argv, "--serve");
		n_fds = ARRAY_LEN(fds);
	} else {
		step_role_argv(s, role, &argv);
	}
	return role_start(
		&s->helper, s->owner.loop, argv.v, NULL, fds, n_fds, -1, on_helper_exit, s, e);
}

/* ---- the job process ---- */

/* -1 only for what no honest job process sends. A helper that the system cannot start is told by
 * its socket's end, which fails the step and not the job. */
static int handle_message(struct slot *s, struct channel_message *m, struct err *e)
{
	if (m->type == CHANNEL_ROLE) {
		if (start_helper(s, m->text, m->fd, e) == 0 || err_is(e, ERR_PROTO))
			return e->class == ERR_NONE ? 0 : -1;
		log_error("supervisor", "helper_start", F_INT("job", s->id.job_id), F_ERR(e));
		err_clear(e);
		return 0;
	}
	if (m->type == CHANNEL_PROGRESS)
		return progress_take(&s->progress, &m->progress, loop_now(s->owner.loop), e);
	memcpy(s->conclusion, m->text, sizeof(s->conclusion));
	return 0;
}

static void on_channel(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	struct channel_message m = { .fd = -1 };
	struct err e = { 0 };
	int rc = channel_receive(fd, &m, &e);

	(void)events;
	if (rc == 0 || (rc < 0 && !err_is(&e, ERR_TIMEOUT)))
		loop_io_events(src, 0); /* the exit is reported by the process itself */
	if (rc == 1 && handle_message(s, &m, &e) < 0)
		rc = -1;
	close_fdp(&m.fd);
	if (rc < 0 && !err_is(&e, ERR_TIMEOUT)) {
		log_error(
			"supervisor", "job_process_killed", F_INT("job", s->id.job_id), F_ERR(&e));
		proc_signal(&s->job.proc, SIGKILL);
	}
}

/* What the job process said before it ended is still in the channel. */
static void drain_channel(struct slot *s)
{
	struct channel_message m = { .fd = -1 };
	struct err e = { 0 };

	while (s->channel >= 0 && channel_receive(s->channel, &m, &e) == 1) {
		if (m.type != CHANNEL_ROLE && handle_message(s, &m, &e) < 0)
			log_warn("supervisor", "job_process_said", F_INT("job", s->id.job_id),
				F_ERR(&e));
		close_fdp(&m.fd);
	}
	loop_source_free(TAKE(s->channel_watch));
	close_fdp(&s->channel);
}

static void on_job_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->job, &status);
	drain_channel(s);
	role_kill(&s->helper);
	if (status != 0)
		log_error("supervisor", "job_process_ended", F_INT("job", s->id.job_id),
			F_STR("status", proc_status_text(status, text)));
	slot_enter(s, SLOT_REMOVING);
}

static int start_job(struct slot *s, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_set_errno(e, errno, "channel to the job process");
	strv_add(&argv, "job");
	if (s->owner.local)
		strv_add(&argv, "--local");
	if (s->claim_cut)
		strv_add(&argv, "--claim-cut");
	if (s->workspace_error)
		strv_addf(&argv, "--no-workspace=%s", s->workspace_error);
	rc = role_start(&s->job, s->owner.loop, argv.v, s->owner.job_env->v,
		(struct proc_fd[]){ { pair[1], ROLE_FD_CHANNEL }, { s->claim_fd, ROLE_FD_CLAIM },
			{ STDOUT_FILENO, STDOUT_FILENO } },
		s->owner.local ? 3 : 2, -1, on_job_exit, s, e);
	close(pair[1]);
	s->channel = pair[0];
	close_fdp(&s->claim_fd);
	if (rc == 0)
		s->channel_watch = loop_io(s->owner.loop, s->channel, EPOLLIN, on_channel, s);
	return rc;
}

static void enter_running(struct slot *s)
{
	struct err e = { 0 };

	if (start_job(s, &e) < 0) {
		log_error("supervisor", "job_process_start", F_INT("job", s->id.job_id), F_ERR(&e));
		slot_enter(s, SLOT_REMOVING);
	} else if (s->cancelled) {
		slot_cancel(s);
	}
}

static void slot_enter(struct slot *s, enum slot_state next)
{
	trace("job", "slot of job %" PRId64 ": %s", s->id.job_id, state_names[next]);
	s->state = next;
	switch (next) {
	case SLOT_MAKING:
		enter_making(s);
		break;
	case SLOT_COPYING:
		enter_copying(s);
		break;
	case SLOT_RUNNING:
		enter_running(s);
		break;
	case SLOT_REMOVING:
		enter_removing(s);
		break;
	case SLOT_OVER:
		s->owner.on_over(s->owner.data);
		break;
	}
}
