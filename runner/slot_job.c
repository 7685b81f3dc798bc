/* A slot's job process: the channel to it, the children it asks for, its end. */
#include "runner/slot_private.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/log.h"
#include "runner/network_wall.h"

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

static void on_watch_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->watch, &status);
}

/* safe: the paths are made of our own knowledge, and the child can only look. */
static int start_watch(struct slot *s, int socket_fd, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct runner_config *c = s->owner.config;
	struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL } };

	role_kill(&s->watch);
	strv_add(&argv, "watch");
	strv_addf(&argv, "--workspace=%s/%" PRId64 "/%" PRId64, c->runner.workspace_root,
		s->id.run_id, s->id.job_id);
	strv_addf(&argv, "--files=%s/jobs/%" PRId64 "/files", c->runner.state_dir, s->id.job_id);
	strv_addf(&argv, "--limit=%" PRIu64, c->runner.workspace_limit);
	return role_start(&s->watch, s->owner.loop, argv.v, NULL, fds, ARRAY_LEN(fds), -1,
		on_watch_exit, s, e);
}

/* safe: the child hears nothing from the job, it looks at our own configuration's wall. */
static int start_wall_look(struct slot *s, int socket_fd, struct err *e)
{
	char *argv[] = { (char *)NETWORK_WALL_ROLE, NULL };
	struct proc_fd fds[] = { { socket_fd, ROLE_FD_CHANNEL } };

	role_kill(&s->helper);
	return role_start(&s->helper, s->owner.loop, argv, s->owner.job_env->v, fds, ARRAY_LEN(fds),
		-1, on_helper_exit, s, e);
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
	if (str_eq(wanted, NETWORK_WALL_ROLE))
		return start_wall_look(s, socket_fd, e);
	if (s->workspace_error)
		return err_set(
			e, ERR_PROTO, "request for the role %.20s without a workspace", wanted);
	if (str_eq(wanted, "watch"))
		return start_watch(s, socket_fd, e);
	if (!role)
		return err_set(e, ERR_PROTO, "request for an unknown role");
	/* one at a time: who asks again is done with the last one, which may still be ending */
	role_kill(&s->helper);
	if (local && str_eq(role, "checkout")) {
		slot_local_copy_argv(s, &argv);
		strv_add(&argv, "--serve");
		n_fds = ARRAY_LEN(fds);
	} else {
		slot_step_role_argv(s, role, &argv);
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
	role_kill(&s->watch);
	role_kill(&s->helper);
	if (status != 0)
		log_error("supervisor", "job_process_ended", F_INT("job", s->id.job_id),
			F_STR("status", proc_status_text(status, text)));
	if (status != 0 && s->kept) {
		s->ended = WIFSIGNALED(status) ? xasprintf("signal %d", WTERMSIG(status))
					       : xasprintf("exit status %d", WEXITSTATUS(status));
		slot_enter(s, SLOT_RECOVERING);
		return;
	}
	s->leave = s->kept && str_eq(s->conclusion, "undelivered");
	slot_enter(s, SLOT_REMOVING);
}

static int start_job(struct slot *s, struct err *e)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct proc_fd fds[4];
	size_t n_fds = 0;
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
	if (s->kept)
		strv_add(&argv, "--journal");
	fds[n_fds++] = (struct proc_fd){ pair[1], ROLE_FD_CHANNEL };
	fds[n_fds++] = (struct proc_fd){ s->claim_fd, ROLE_FD_CLAIM };
	if (s->lease.fd >= 0)
		fds[n_fds++] = (struct proc_fd){ s->lease.fd, ROLE_FD_LEASE };
	if (s->owner.local)
		fds[n_fds++] = (struct proc_fd){ STDOUT_FILENO, STDOUT_FILENO };
	slot_note(s, LEASE_RUNNING);
	rc = role_start(&s->job, s->owner.loop, argv.v, s->owner.job_env->v, fds, n_fds, -1,
		on_job_exit, s, e);
	close(pair[1]);
	s->channel = pair[0];
	close_fdp(&s->claim_fd);
	if (rc == 0)
		s->channel_watch = loop_io(s->owner.loop, s->channel, EPOLLIN, on_channel, s);
	return rc;
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
