/*
 * A slot's workspace: made and removed by the janitor, in a local run filled by the copy. A
 * workspace that cannot be made does not stop the slot: the job process starts without one and
 * reports the reason to the coordinator.
 */
#include "runner/slot/private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "runner/helper/job_folder.h"

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

static void keep_workspace(struct slot *s, const char *why)
{
	s->workspace_kept = true;
	log_warn("supervisor", "workspace_kept", F_INT("job", s->id.job_id), F_STR("error", why),
		F_STR("effect", "the sweep removes it"));
}

static void on_janitor_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	CLEAN_STR char *said = NULL;
	char how[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->janitor, &status);
	loop_source_unref(&s->deadline);
	said = janitor_complaint(s);
	close_fdp(&s->janitor_err);
	if (*said)
		log_warn("supervisor",
			s->state == SLOT_REMOVING ? "workspace_remove" : "workspace_make",
			F_INT("job", s->id.job_id), F_STR("said", said));
	if (s->state == SLOT_REMOVING) {
		if (status != 0)
			keep_workspace(s, proc_status_text(status, how));
		slot_enter(s, SLOT_OVER);
		return;
	}
	if (status != 0)
		s->workspace_error = *said ? xstrdup(said)
					   : xasprintf("the janitor that makes it ended with %s",
						     proc_status_text(status, how));
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
	strv_addf(&argv, "--uid=%" PRId64, slot_uid(s));
	strv_addf(&argv, "--gid=%" PRId64, slot_gid(s));
	if (slot_project(s))
		strv_addf(&argv, "--project=%" PRId64, slot_project(s));
	strv_addf(&argv, "--limit=%" PRIu64, c->runner.workspace_limit);
	if (s->owner.state)
		strv_addf(&argv, "--state-dir=%s", s->owner.state->path);
	return start_worker(s, argv.v, NULL, 0, e);
}

/* A role that becomes the step user in the job's workspace. */
void slot_step_role_argv(const struct slot *s, const char *role, struct strv *argv)
{
	CLEAN_STR char *workspace = job_folder_path(s->owner.config->runner.workspace_root,
		s->id.run_id, s->id.job_id, JOB_FOLDER_WORKSPACE);

	strv_add(argv, role);
	strv_addf(argv, "--uid=%" PRId64, slot_uid(s));
	strv_addf(argv, "--gid=%" PRId64, slot_gid(s));
	strv_addf(argv, "--workspace=%s", workspace);
}

void slot_local_copy_argv(const struct slot *s, struct strv *argv)
{
	slot_step_role_argv(s, "local-copy", argv);
	strv_addf(argv, "--label=%s", s->owner.local->label);
	if (s->owner.local->history >= 0)
		strv_add(argv, "--history");
}

size_t slot_local_copy_fds(const struct slot *s, struct proc_fd ret[SLOT_COPY_FDS])
{
	const struct slot_local *l = s->owner.local;

	ret[0] = (struct proc_fd){ l->source, ROLE_FD_SOURCE };
	ret[1] = (struct proc_fd){ l->files, ROLE_FD_FILES };
	if (l->history < 0)
		return 2;
	ret[2] = (struct proc_fd){ l->history, ROLE_FD_HISTORY };
	ret[3] = (struct proc_fd){ l->history_files, ROLE_FD_HISTORY_FILES };
	return SLOT_COPY_FDS;
}

void slot_enter_copying(struct slot *s)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct proc_fd fds[SLOT_COPY_FDS];
	struct err e = { 0 };

	slot_local_copy_argv(s, &argv);
	if (start_worker(s, argv.v, fds, slot_local_copy_fds(s, fds), &e) < 0) {
		s->workspace_error = xstrdup(e.text);
		slot_enter(s, SLOT_RUNNING);
	}
}

int64_t slot_remove_patience(const struct slot *s)
{
	return s->owner.remove_us ? s->owner.remove_us : SLOT_REMOVE_US;
}

/* Removing it would hang as well. */
static void on_making_deadline(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	s->workspace_error = xstrdup("it could not be made in time; does its file system hang?");
	log_error("supervisor", "workspace_make", F_INT("job", s->id.job_id),
		F_STR("error", s->workspace_error));
	s->made = false;
	role_abandon(&s->janitor);
	close_fdp(&s->janitor_err);
	loop_source_unref(&s->deadline);
	slot_enter(s, SLOT_RUNNING);
}

void slot_enter_making(struct slot *s)
{
	struct err e = { 0 };

	if (s->workspace_error) {
		slot_enter(s, SLOT_RUNNING);
	} else if (s->id.run_id <= 0) {
		s->workspace_error = xstrdup("the claim names no run");
		slot_enter(s, SLOT_RUNNING);
	} else if (start_janitor(s, "make", &e) < 0) {
		s->workspace_error = xstrdup(e.text);
		slot_enter(s, SLOT_RUNNING);
	} else {
		s->made = true; /* perhaps only a part of it, when the janitor dies */
		s->deadline = loop_timer(s->owner.loop,
			mono_add(loop_now(s->owner.loop),
				s->owner.make_us ? s->owner.make_us : SLOT_REMOVE_US),
			on_making_deadline, s);
	}
}

/* The workspace stays for the sweep of old ones: better than a slot that is never free again. */
static void on_deadline(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	log_error("supervisor", "workspace_kept", F_INT("job", s->id.job_id),
		F_STR("error", "it could not be removed in time; does its file system hang?"));
	role_abandon(&s->janitor);
	close_fdp(&s->janitor_err);
	loop_source_unref(&s->deadline);
	slot_enter(s, SLOT_OVER);
}

void slot_enter_removing(struct slot *s)
{
	struct err e = { 0 };

	slot_note(s, LEASE_CLEANING);
	if (!s->made) {
		slot_enter(s, SLOT_OVER);
	} else if (start_janitor(s, "remove", &e) < 0) {
		keep_workspace(s, e.text);
		slot_enter(s, SLOT_OVER);
	} else {
		s->deadline = loop_timer(s->owner.loop,
			mono_add(loop_now(s->owner.loop), slot_remove_patience(s)), on_deadline, s);
	}
}
