/*
 * What a slot keeps on disk from the claim to the end of its clean-up: lease, journal, chain; and
 * the recover process that goes on from there when the job process died.
 */
#include "runner/slot/private.h"

#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "state/chain.h"

#define LEASE_RETRY_US (20 * USEC_PER_MSEC)
#define RETRY_FIRST_US (1 * USEC_PER_SEC)
#define RETRY_MAX_US (60 * USEC_PER_SEC)
#define RECOVER_EXTRA_US (60 * USEC_PER_SEC) /* past the life of the token */

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
	IGNORE_RESULT(
		state_dir_job_remove(state, s->id.job_id, &ignored), "the sweep removes it later");
	return -1;
}

static void try_to_secure(struct slot *s);

static void on_lease_retry(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	loop_source_unref(&s->deadline);
	try_to_secure(s);
}

static void try_to_secure(struct slot *s)
{
	struct mono now = mono_now();
	struct err e = { 0 };

	if (s->owner.state && secure(s, &e) < 0) {
		if (err_is(&e, ERR_CONFLICT) && mono_diff(now, s->lease_until) < 0) {
			s->deadline = loop_timer(
				s->owner.loop, mono_add(now, LEASE_RETRY_US), on_lease_retry, s);
			return;
		}
		free(s->workspace_error);
		s->workspace_error = xasprintf("state directory: %s", e.text);
	}
	wipe_charp(&s->id.token); /* the job process reads its own from the claim */
	slot_note(s, LEASE_CLAIMED);
	slot_enter(s, SLOT_MAKING);
}

/* A cleaner may hold the lease for a moment: that must cost a job nothing but the moment. */
void slot_enter_securing(struct slot *s)
{
	s->lease_until = mono_add(mono_now(), SLOT_LEASE_US);
	try_to_secure(s);
	if (s->state == SLOT_SECURING)
		log_info("supervisor", "lease_awaited", F_INT("job", s->id.job_id));
}

void slot_note(struct slot *s, enum lease_state state)
{
	const struct state_dir *ours = s->owner.state; /* NULL: a local run, which has no lease */
	struct err e = { 0 };

	if (ours && s->lease.fd >= 0 && lease_note(&s->lease, state, ours->instance_id, &e) < 0)
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

static void start_recovery(struct slot *s);

void slot_leave_recovery(struct slot *s)
{
	loop_source_unref(&s->deadline);
	s->leave = s->kept;
	slot_enter(s, SLOT_OVER);
}

/* The chain is written with every call, so its time is the token's last use. */
static bool token_lives(const struct slot *s)
{
	CLEAN_STR char *dir = state_dir_job_path(s->owner.state, s->id.job_id),
		       *chain = path_join(dir, "chain");
	struct stat st;

	return stat(chain, &st) == 0 &&
	       wall_now().us - st.st_mtim.tv_sec * USEC_PER_SEC < JOB_TOKEN_LIFE_US;
}

static void on_retry(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	loop_source_unref(&s->deadline);
	start_recovery(s);
}

/* Only the job's files know what it did: they stay until the coordinator would not listen anyway.
 */
static void retry_recovery(struct slot *s, const char *why)
{
	struct mono now = loop_now(s->owner.loop);
	int64_t wait;

	loop_source_unref(&s->deadline);
	if (!token_lives(s)) {
		log_error("supervisor", "recovery_failed", F_INT("job", s->id.job_id),
			F_STR("error", why),
			F_STR("effect",
				"given up: the job's token is dead, the job is not reported"));
		slot_enter(s, SLOT_REMOVING);
		return;
	}
	wait = backoff_next(&s->retry, now, -1);
	log_warn("supervisor", "recovery_retried", F_INT("job", s->id.job_id), F_STR("error", why),
		F_INT("retry_ms", wait / USEC_PER_MSEC));
	s->deadline = loop_timer(s->owner.loop, mono_add(now, wait), on_retry, s);
}

static void on_recover_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct slot *s = data;
	char text[PROC_STATUS_TEXT];
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&s->job, &status);
	if (status == 0) {
		loop_source_unref(&s->deadline);
		slot_enter(s, SLOT_REMOVING);
	} else if (s->cancelled) {
		slot_leave_recovery(s);
	} else {
		retry_recovery(s, proc_status_text(status, text));
	}
}

/* It ends by itself when the token is dead, unless it hangs. */
static void on_recover_deadline(struct loop_source *src, void *data)
{
	struct slot *s = data;

	(void)src;
	proc_signal(&s->job.proc, SIGKILL);
}

static void start_recovery(struct slot *s)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const struct proc_fd lease = { s->lease.fd, ROLE_FD_LEASE };
	struct err e = { 0 };
	int64_t patience =
		s->owner.recover_us ? s->owner.recover_us : JOB_TOKEN_LIFE_US + RECOVER_EXTRA_US;

	strv_add(&argv, "recover");
	strv_addf(&argv, "--job=%" PRId64, s->id.job_id);
	if (s->ended)
		strv_addf(&argv, "--ended=%s", s->ended);
	if (role_start(&s->job, s->owner.loop, argv.v, s->owner.job_env->v, &lease,
		    s->lease.fd >= 0, -1, on_recover_exit, s, &e) < 0)
		retry_recovery(s, e.text);
	else
		s->deadline = loop_timer(s->owner.loop, mono_add(loop_now(s->owner.loop), patience),
			on_recover_deadline, s);
}

void slot_enter_recovering(struct slot *s)
{
	backoff_init(&s->retry, RETRY_FIRST_US, RETRY_MAX_US);
	s->owner.on_over(s->owner.data); /* its place is free */
	start_recovery(s);
}
