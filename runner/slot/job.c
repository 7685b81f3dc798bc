/*
 * The job process holds no capability, so it asks over the channel for children that need one. The
 * trap: the channel's other end runs hostile input, so a request names a role and nothing else.
 * All arguments of a child are made from what the supervisor itself knows. One table says what
 * each role needs and how it starts.
 */
#include "runner/slot/private.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runner/helper/egress_firewall.h"
#include "runner/ipc/heartbeat.h"

static void leave_when_alone(struct slot *s);

/* ---- children that the job process asks for ---- */

/* What a request may name. A watch runs beside the others, which come one at a time. */
struct slot_role {
	const char *name;
	bool needs_workspace;
	enum slot_child_kind kind;
	int (*start)(struct slot_child *c, int socket_fd, struct err *e);
};

static int start_child(struct slot_child *c, char *const *argv, char *const *envp,
	const struct proc_fd *fds, size_t n_fds, struct err *e);

/* safe: the child gets nothing but the job's own socket and this job's step user; what the socket
 * asks for is checked again by the child after it has dropped to that user. */
static int start_step_role(struct slot_child *c, const char *role, int socket_fd, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL } };

	slot_step_role_argv(c->slot, role, &argv);
	return start_child(c, argv.v, NULL, fds, ARRAY_LEN(fds), e);
}

/* A local run's checkout is answered by the copy of the work tree. */
static int start_checkout(struct slot_child *c, int socket_fd, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct slot_local *local = c->slot->owner.local;
	struct proc_fd fds[1 + SLOT_COPY_FDS] = { { socket_fd, ROLE_FD_CHANNEL } };

	if (!local)
		return start_step_role(c, "checkout", socket_fd, e);
	slot_local_copy_argv(c->slot, &argv);
	strv_add(&argv, "--serve");
	return start_child(c, argv.v, NULL, fds, 1 + slot_local_copy_fds(c->slot, fds + 1), e);
}

static int start_artifact(struct slot_child *c, int socket_fd, struct err *e)
{
	return start_step_role(c, "artifact", socket_fd, e);
}

/* safe: the paths are made of our own knowledge, and the child can only read. */
static int start_watch(struct slot_child *c, int socket_fd, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct slot *s = c->slot;
	const struct runner_config *config = s->owner.config;
	const struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL } };

	strv_add(&argv, "watch");
	strv_addf(&argv, "--workspace=%s/%" PRId64 "/%" PRId64, config->runner.workspace_root,
		s->id.run_id, s->id.job_id);
	strv_addf(
		&argv, "--files=%s/jobs/%" PRId64 "/files", config->runner.state_dir, s->id.job_id);
	strv_addf(&argv, "--limit=%" PRIu64, config->runner.workspace_limit);
	return start_child(c, argv.v, NULL, fds, ARRAY_LEN(fds), e);
}

/* safe: the child hears nothing from the job, it reads our own configuration. */
static int start_firewall_check(struct slot_child *c, int socket_fd, struct err *e)
{
	char *argv[] = { (char *)EGRESS_FIREWALL_ROLE, NULL };
	const struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL } };

	return start_child(c, argv, c->slot->owner.job_env->v, fds, ARRAY_LEN(fds), e);
}

static const struct slot_role roles[] = {
	{ "checkout", true, SLOT_HELPER, start_checkout },
	{ "artifact", true, SLOT_HELPER, start_artifact },
	{ "watch", true, SLOT_WATCH, start_watch },
	{ EGRESS_FIREWALL_ROLE, false, SLOT_HELPER, start_firewall_check },
};

/* A child that the system cannot start is signalled by EOF on its socket, which fails the step and
 * not the job. */
static void start_wanted(struct slot_child *c)
{
	const struct slot_role *role = TAKE(c->wanted);
	CLEAN_FD int socket_fd = TAKE_FD(c->socket);
	struct err e = { 0 };

	if (role->start(c, socket_fd, &e) < 0)
		log_error(
			"supervisor", "helper_start", F_INT("job", c->slot->id.job_id), F_ERR(&e));
}

static void on_child_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot_child *c = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&c->role, &status);
	if (status != 0)
		log_debug("supervisor", "helper_ended", F_INT("job", c->slot->id.job_id),
			F_STR("status", proc_status_text(status, text)));
	if (c->wanted)
		start_wanted(c);
	else
		leave_when_alone(c->slot);
}

static int start_child(struct slot_child *c, char *const *argv, char *const *envp,
	const struct proc_fd *fds, size_t n_fds, struct err *e)
{
	return role_start(
		&c->role, c->slot->owner.loop, argv, envp, fds, n_fds, -1, on_child_exit, c, e);
}

static void drop_wanted(struct slot_child *c)
{
	c->wanted = NULL;
	close_fdp(&c->socket);
}

/* One of a kind at a time: a job that asks again is done with the last one, which may still be
 * ending. The new one starts when that one is gone, and nobody waits for it here. */
static int request_role(struct slot *s, const char *name, int *socket_fd, struct err *e)
{
	const struct slot_role *role = NULL;
	struct slot_child *c;

	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (str_eq(name, roles[i].name))
			role = &roles[i];
	if (!role)
		return err_set(e, ERR_PROTO, "request for an unknown role");
	if (role->needs_workspace && s->workspace_error)
		return err_set(e, ERR_PROTO, "request for the role %s without a workspace", name);
	c = &s->children[role->kind];
	drop_wanted(c);
	c->wanted = role;
	c->socket = TAKE_FD(*socket_fd);
	if (role_running(&c->role))
		proc_signal(&c->role.proc, SIGKILL);
	else
		start_wanted(c);
	return 0;
}

/* ---- the job process ---- */

static int64_t silence_us(const struct slot *s)
{
	return s->owner.silence_us ? s->owner.silence_us : JOB_SILENCE_US;
}

/* The last sixth of the silence is a second chance: after a suspend our timer and the job's
 * heartbeat are due at once. */
static void heard_from_job(struct slot *s)
{
	s->silent = false;
	if (s->silence)
		loop_timer_set(s->silence,
			mono_add(loop_now(s->owner.loop), silence_us(s) - silence_us(s) / 6));
}

static void on_silence(struct loop_source *src, void *data)
{
	struct slot *s = data;
	char text[DURATION_TEXT_MAX];

	if (!s->silent) {
		s->silent = true;
		loop_timer_set(src, mono_add(loop_now(s->owner.loop), silence_us(s) / 6));
		return;
	}
	duration_format(silence_us(s), text);
	log_error("supervisor", "job_process_hangs", F_INT("job", s->id.job_id),
		F_STR("silence", text), F_STR("effect", "it is killed and its job recovered"));
	s->ended = xasprintf("no sign of life for %s", text);
	proc_signal(&s->job.proc, SIGKILL);
}

/* After its report the process only closes what it opened in the engine. */
static void expect_end(struct slot *s)
{
	s->silent = true;
	loop_timer_set(s->silence, mono_add(loop_now(s->owner.loop), slot_remove_patience(s)));
}

/* -1 only for what no honest job process sends. */
static int handle_message(struct slot *s, struct channel_message *m, struct err *e)
{
	if (m->type == CHANNEL_ROLE)
		return request_role(s, m->text, &m->fd, e);
	if (m->type == CHANNEL_PROGRESS)
		return progress_take(&s->progress, &m->progress, loop_now(s->owner.loop), e);
	if (m->type == CHANNEL_PLATFORM && !s->platform_error)
		s->platform_error = xstrdup(m->text);
	if (m->type == CHANNEL_REPORT) {
		memcpy(s->conclusion, m->text, sizeof(s->conclusion));
		expect_end(s);
	}
	return 0;
}

static void on_channel(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	struct channel_message m = { .fd = -1 };
	struct err e = { 0 };
	int rc = channel_receive(fd, &m, &e);

	(void)events;
	if (rc == 1)
		heard_from_job(s);
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
	loop_source_unref(&s->silence);
	loop_source_unref(&s->channel_watch);
	close_fdp(&s->channel);
}

/* The children of a job that ended. What they write must be over before anybody removes it. */
static void kill_children(struct slot *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->children); i++) {
		drop_wanted(&s->children[i]);
		if (role_running(&s->children[i].role))
			proc_signal(&s->children[i].role.proc, SIGKILL);
	}
}

static void leave_running(struct slot *s)
{
	loop_source_unref(&s->deadline);
	if (s->ended && s->kept) {
		slot_enter(s, SLOT_RECOVERING);
		return;
	}
	s->leave = s->kept && str_eq(s->conclusion, "undelivered");
	slot_enter(s, SLOT_REMOVING);
}

/* Once the job process and all its children are gone. */
static void leave_when_alone(struct slot *s)
{
	bool alone = s->state == SLOT_RUNNING && !role_running(&s->job);

	for (size_t i = 0; i < ARRAY_LEN(s->children); i++)
		alone = alone && !role_running(&s->children[i].role);
	if (alone)
		leave_running(s);
}

/* A child that SIGKILL does not end hangs in the kernel: better to leave it than the slot. */
static void on_child_deadline(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	log_error("supervisor", "helper_hangs", F_INT("job", s->id.job_id),
		F_STR("effect", "it is abandoned and may keep files of the workspace"));
	for (size_t i = 0; i < ARRAY_LEN(s->children); i++)
		role_abandon(&s->children[i].role);
	leave_when_alone(s);
}

static void on_job_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->job, &status);
	drain_channel(s);
	if (status != 0) {
		log_error("supervisor", "job_process_ended", F_INT("job", s->id.job_id),
			F_STR("status", proc_status_text(status, text)));
	}
	if (status != 0 && !s->ended)
		s->ended = WIFSIGNALED(status) ? xasprintf("signal %d", WTERMSIG(status))
					       : xasprintf("exit status %d", WEXITSTATUS(status));
	kill_children(s);
	s->deadline = loop_timer(s->owner.loop,
		mono_add(loop_now(s->owner.loop), slot_remove_patience(s)), on_child_deadline, s);
	leave_when_alone(s);
}

static int start_job(struct slot *s, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	struct proc_fd fds[4];
	size_t n_fds = 0;
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_set_errno(e, errno, "channel to the job process");
	strv_add(&argv, "job");
	if (s->owner.local)
		strv_add(&argv, "--local");
	if (s->owner.local && s->owner.local->shared_output)
		strv_add(&argv, "--shared-output");
	if (s->claim_cut)
		strv_add(&argv, "--claim-cut");
	if (s->workspace_error)
		strv_addf(&argv, "--no-workspace=%s", s->workspace_error);
	if (s->kept)
		strv_add(&argv, "--journal");
	fds[n_fds++] = (struct proc_fd){ pair[1], ROLE_FD_CHANNEL };
	fds[n_fds++] = (struct proc_fd){ s->claim_fd, ROLE_FD_CLAIM };
	if (s->lease.fd >= 0)
		fds[n_fds++] = (struct proc_fd){ s->lease.fd, ROLE_FD_LEASE };
	if (s->owner.local)
		fds[n_fds++] = (struct proc_fd){ s->owner.local->output, STDOUT_FILENO };
	slot_note(s, LEASE_RUNNING);
	slot_job_env(s, &env);
	rc = role_start(&s->job, s->owner.loop, argv.v, env.v, fds, n_fds, -1, on_job_exit, s, e);
	close(pair[1]);
	s->channel = pair[0];
	close_fdp(&s->claim_fd);
	if (rc < 0)
		return rc;
	s->channel_watch = loop_io(s->owner.loop, s->channel, EPOLLIN, on_channel, s);
	s->silence = loop_timer(s->owner.loop, MONO_NEVER, on_silence, s);
	heard_from_job(s);
	return 0;
}

void slot_enter_running(struct slot *s)
{
	struct err e = { 0 };

	if (start_job(s, &e) < 0) {
		log_error("supervisor", "job_process_start", F_INT("job", s->id.job_id), F_ERR(&e));
		s->ended = xstrdup(e.text);
		slot_enter(s, s->kept ? SLOT_RECOVERING : SLOT_REMOVING);
	} else if (s->cancelled) {
		slot_cancel(s);
	}
}
