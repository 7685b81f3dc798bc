/*
 * What a slot keeps on disk from the claim to the end of its clean-up: lease, journal, chain; and
 * the recover process that goes on from there when the job process died.
 */
#include "runner/slot_private.h"

#include <inttypes.h>

#include "base/log.h"
#include "state/chain.h"

/* ---- lease, folder, journal ---- */

static int take_lease(struct slot *s, struct err *e)
{
	CLEAN_STR char *folder = lease_folder(s->owner.state->path, e),
		       *name = lease_name(s->id.run_id, s->id.job_id);

	return folder ? lease_take(folder, name, &s->lease, e) : -1;
}

static int write_journal(struct slot *s, const char *dir, struct err *e)
{
	const struct runner_config *c = s->owner.config;
	struct journal j = { .job = s->id.job_id,
		.run = s->id.run_id,
		.instance = s->owner.state->instance_id,
		.base_url = (char *)(uintptr_t)c->server.base_url,
		.workspace_root = (char *)(uintptr_t)c->runner.workspace_root,
		.steps = { &s->id.step_id, s->id.step_id > 0 } };

	return chain_make(dir, s->id.token, e) < 0 ? -1 : journal_write(dir, &j, e);
}

/* A local run's reader is at the terminal: nobody reports it later, so it keeps no journal. */
static int secure(struct slot *s, struct err *e)
{
	const struct state_dir *state = s->owner.state;
	CLEAN_STR char *dir = NULL;
	struct err ignored = { 0 };

	if (s->id.run_id <= 0)
		return 0;
	if (take_lease(s, e) < 0 || state_dir_job_make(state, s->id.job_id, &dir, e) < 0)
		return -1;
	if (s->owner.local || write_journal(s, dir, e) == 0) {
		s->kept = !s->owner.local;
		return 0;
	}
	(void)(state_dir_job_remove(state, s->id.job_id, &ignored) < 0);
	return -1;
}

void slot_secure(struct slot *s)
{
	struct err e = { 0 };

	if (!s->owner.state)
		return;
	if (secure(s, &e) < 0)
		s->workspace_error = xasprintf("state directory: %s", e.text);
	slot_note(s, LEASE_CLAIMED);
}

void slot_note(struct slot *s, enum lease_state state)
{
	struct err e = { 0 };

	if (s->lease.fd >= 0 && lease_note(&s->lease, state, s->owner.state->instance_id, &e) < 0)
		log_warn("supervisor", "lease_note", F_INT("job", s->id.job_id), F_ERR(&e));
}

void slot_settle(struct slot *s)
{
	struct err e = { 0 };

	if (s->leave) {
		lease_drop(&s->lease);
		return;
	}
	if (s->lease.fd >= 0 && state_dir_job_remove(s->owner.state, s->id.job_id, &e) < 0)
		log_warn("supervisor", "job_folder_kept", F_INT("job", s->id.job_id), F_ERR(&e));
	lease_end(&s->lease);
}

/* ---- recovery ---- */

static void on_recover_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->job, &status);
	if (status != 0)
		log_error("supervisor", "recovery_failed", F_INT("job", s->id.job_id),
			F_STR("status", proc_status_text(status, text)));
	/* stopped by us it is the next start's work; otherwise nothing is gained by trying again */
	s->leave = s->cancelled && status != 0;
	slot_enter(s, s->leave ? SLOT_OVER : SLOT_REMOVING);
}

void slot_enter_recovering(struct slot *s)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct proc_fd lease = { s->lease.fd, ROLE_FD_LEASE };
	struct err e = { 0 };

	strv_add(&argv, "recover");
	strv_addf(&argv, "--job=%" PRId64, s->id.job_id);
	if (s->ended)
		strv_addf(&argv, "--ended=%s", s->ended);
	if (role_start(&s->job, s->owner.loop, argv.v, s->owner.job_env->v, &lease,
		    s->lease.fd >= 0, -1, on_recover_exit, s, &e) < 0) {
		log_error("supervisor", "recovery_failed", F_INT("job", s->id.job_id), F_ERR(&e));
		slot_enter(s, SLOT_REMOVING);
	}
}
