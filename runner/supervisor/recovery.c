/*
 * Everything an earlier supervisor left is a folder in the state directory. The lease says whether
 * a process still works on it, the journal what it is. All leases are taken before the first sweep
 * of orphans, so that a container of a job that will be recovered is never an orphan.
 */
#include "runner/supervisor/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/backoff.h"
#include "base/fs.h"
#include "base/log.h"

#define HELD_CHECK_US (1 * USEC_PER_SEC)
#define SWEEP_EVERY_US (3 * 60 * USEC_PER_SEC)
#define SWEEP_SOON_US (5 * USEC_PER_SEC) /* after a crash; then twice as long, up to EVERY */
#define BACKOFF_FIRST_US (1 * USEC_PER_SEC)
#define BACKOFF_MAX_US (60 * USEC_PER_SEC)

/* A job to recover; we hold its lease, so nobody else cleans it. */
struct remains {
	struct remains *next;
	struct journal journal;
	struct lease lease;
};

struct recovery {
	struct recovery_spec spec;
	struct remains *waiting;
	struct slot *slots[64]; /* as many as capacity can be */
	size_t n_slots;
	struct strv held; /* jobs whose lease another process holds */
	struct loop_source *work, *timer, *held_check;
	struct role sweep;
	int64_t gap; /* from the end of a sweep to the next one */
	int counted; /* read end: how many the sweep removed */
	struct backoff backoff;
};

static void wake(void *data)
{
	struct recovery *r = data;

	loop_defer_arm(r->work);
}

/* ---- jobs ---- */

static void remains_free(struct remains *m)
{
	journal_release(&m->journal);
	lease_drop(&m->lease);
	free(m);
}

static void drop_folder(struct recovery *r, int64_t job)
{
	struct err e = { 0 };

	if (state_dir_job_remove(r->spec.state, job, &e) < 0)
		log_warn("supervisor", "job_folder_kept", F_INT("job", job), F_ERR(&e));
}

/* Its claim came, and nobody knows its token: only a repeated heartbeat may bring it back. */
static void drop_without_journal(struct recovery *r, int64_t job)
{
	log_warn("supervisor", "job_without_journal", F_INT("job", job),
		F_STR("effect",
			"its folder is removed; it runs if the coordinator hands it out again"));
	drop_folder(r, job);
}

static void set_aside(struct recovery *r, int64_t job, const struct err *why)
{
	struct err e = { 0 };

	log_error("supervisor", "journal_damaged", F_INT("job", job), F_ERR(why),
		F_STR("effect", "set aside in damaged/; the job is not reported and its workspace "
				"is kept"));
	if (state_dir_set_aside(r->spec.state, job, &e) < 0)
		log_warn("supervisor", "journal_not_kept", F_INT("job", job), F_ERR(&e));
	drop_folder(r, job);
}

/* Reads the journal and takes the lease. */
static int inspect_remains(struct recovery *r, int64_t job, struct remains *m, struct err *e)
{
	CLEAN_STR char *dir = state_dir_job_path(r->spec.state, job),
		       *folder = lease_folder(r->spec.state->path, e), *name = NULL;

	if (!folder || journal_read(dir, &m->journal, e) < 0)
		return -1;
	if (m->journal.job != job || m->journal.run <= 0)
		return err_set(e, ERR_INPUT, "journal: of job %" PRId64 " and run %" PRId64,
			m->journal.job, m->journal.run);
	if (!str_eq(m->journal.workspace_root, r->spec.settings->config.runner.workspace_root))
		log_warn("supervisor", "workspace_elsewhere", F_INT("job", job),
			F_STR("root", m->journal.workspace_root),
			F_STR("effect", "it is not removed: runner.workspace_root has changed"));
	name = lease_name(m->journal.run, job);
	return lease_take(folder, name, &m->lease, e);
}

/* Processes of the last supervisor may take a while to die, and cleaners hold a lease while they
 * work. */
static void wait_for_lease(struct recovery *r, int64_t job, bool first, const struct err *why)
{
	if (first)
		log_warn("supervisor", "job_not_recovered", F_INT("job", job), F_ERR(why),
			F_STR("effect", "retried until its lease is free"));
	strv_addf(&r->held, "%" PRId64, job);
	loop_timer_set(r->held_check, mono_add(loop_now(r->spec.loop), HELD_CHECK_US));
}

static void find_one(struct recovery *r, const char *name, bool first, struct remains ***tail)
{
	struct remains *m;
	struct err e = { 0 };
	int64_t job;

	if (!parse_i64(name, 1, INT64_MAX, &job))
		return;
	m = xcalloc(1, sizeof(*m));
	m->lease = (struct lease)LEASE_INIT;
	if (inspect_remains(r, job, m, &e) == 0) {
		log_info(
			"supervisor", "job_found", F_INT("job", job), F_INT("run", m->journal.run));
		**tail = m;
		*tail = &m->next;
		return;
	}
	remains_free(m);
	if (err_is(&e, ERR_NOT_FOUND))
		drop_without_journal(r, job);
	else if (err_is(&e, ERR_INPUT) || err_is(&e, ERR_LIMIT))
		set_aside(r, job, &e);
	else if (err_is(&e, ERR_CONFLICT))
		wait_for_lease(r, job, first, &e);
	else
		log_warn("supervisor", "job_not_recovered", F_INT("job", job), F_ERR(&e));
}

static void find_remains(struct recovery *r)
{
	CLEANUP(strv_release) struct strv names = { 0 };
	struct remains **tail = &r->waiting;
	struct err e = { 0 };

	if (state_dir_jobs(r->spec.state, &names, &e) < 0)
		log_warn("supervisor", "jobs_not_listed", F_ERR(&e));
	strv_each (name, &names)
		find_one(r, name, true, &tail);
}

static void on_held_check(struct loop_source *src, void *data)
{
	struct recovery *r = data;
	struct remains **tail = &r->waiting;
	CLEANUP(strv_release) struct strv held = TAKE_VALUE(r->held, ((struct strv){ 0 }));

	(void)src;
	while (*tail)
		tail = &(*tail)->next;
	strv_each (name, &held)
		find_one(r, name, false, &tail);
	wake(r);
}

/* A supervisor that died between lease and folder, or between folder and lease at the end. */
static void drop_empty_leases(struct recovery *r)
{
	CLEANUP(strv_release) struct strv names = { 0 }, jobs = { 0 };
	struct err e = { 0 };
	CLEAN_STR char *folder = lease_folder(r->spec.state->path, &e);
	int64_t run, job;

	if (!folder || lease_list(folder, &names, &e) < 0 ||
		state_dir_jobs(r->spec.state, &jobs, &e) < 0) {
		log_warn("supervisor", "leases_not_listed", F_ERR(&e));
		return;
	}
	strv_each (name, &names) {
		struct lease empty = LEASE_INIT;
		struct err held = { 0 };
		bool known = lease_parse_name(name, &run, &job);
		CLEAN_STR char *id = xasprintf("%" PRId64, known ? job : 0);

		if (!strv_contains(&jobs, id) && lease_take(folder, name, &empty, &held) == 0)
			lease_end(&empty);
	}
}

static void start_waiting(struct recovery *r)
{
	struct settings *settings = r->spec.settings;
	struct slot_owner owner = { .loop = r->spec.loop,
		.config = &settings->config,
		.job_env = &settings->job_env,
		.state = r->spec.state,
		.on_over = wake,
		.data = r };

	while (r->waiting && r->n_slots < (size_t)settings->config.runner.capacity) {
		struct remains *m = r->waiting;

		r->waiting = m->next;
		r->slots[r->n_slots++] = slot_recover(&owner, &m->journal, &m->lease);
		remains_free(m);
	}
}

static void reap(struct recovery *r)
{
	for (size_t i = 0; i < r->n_slots;) {
		struct slot *slot = r->slots[i];

		if (!slot_over(slot)) {
			i++;
			continue;
		}
		log_info("supervisor", "job_over", F_INT("job", slot_job_id(slot)),
			F_STR("conclusion", slot_conclusion(slot)));
		r->slots[i] = r->slots[--r->n_slots];
		r->spec.on_over(r->spec.data, slot);
		slot_free(slot);
		recovery_sweep_soon(r);
	}
}

static void on_work(struct loop_source *src, void *data)
{
	struct recovery *r = data;

	(void)src;
	reap(r);
	start_waiting(r);
	if (recovery_idle(r))
		r->spec.on_idle(r->spec.data);
}

/* ---- orphans ---- */

static void take_count(struct recovery *r)
{
	CLEAN_BUF struct buf text = BUF_INIT(32);
	struct err ignored = { 0 };
	int64_t n;

	if (fd_read_all(r->counted, &text, &ignored) == 0 &&
		parse_i64(buf_cstr(&text), 1, INT64_MAX, &n))
		r->spec.on_orphans(r->spec.data, (uint64_t)n);
	close_fdp(&r->counted);
}

static void again(struct recovery *r, bool failed)
{
	struct mono now = loop_now(r->spec.loop);

	if (failed) {
		backoff_next(&r->backoff, now, -1);
		loop_timer_set(r->timer, r->backoff.until);
		return;
	}
	if (backoff_count(&r->backoff))
		log_info("supervisor", "orphans_swept",
			F_INT("failures", backoff_count(&r->backoff)));
	backoff_reset(&r->backoff);
	loop_timer_set(r->timer, mono_add(now, r->gap));
	r->gap = r->gap * 2 < SWEEP_EVERY_US ? r->gap * 2 : SWEEP_EVERY_US;
}

void recovery_sweep_soon(struct recovery *r)
{
	r->gap = SWEEP_SOON_US;
	/* while one runs its end sets the timer; after a failed one the next is due soon enough */
	if (r->counted < 0 && !backoff_count(&r->backoff))
		loop_timer_set(r->timer, mono_add(loop_now(r->spec.loop), r->gap));
}

static void on_sweep_exit(struct loop_source *src, int fd, uint32_t events, void *data)
{
	struct recovery *r = data;
	int status = 0;

	(void)src, (void)fd, (void)events;
	role_reap(&r->sweep, &status);
	take_count(r);
	again(r, status != 0);
}

static int start_sweep(struct recovery *r, bool first, struct err *e)
{
	char *argv[] = { (char *)"orphans", (char *)(first ? NULL : "--quiet"),
		(char *)(backoff_count(&r->backoff) ? "--again" : NULL), NULL };
	struct proc_fd out = { .to = ROLE_FD_CHANNEL };
	int pipe_fds[2], rc;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe for the sweep of orphans");
	r->counted = pipe_fds[0];
	out.from = pipe_fds[1];
	rc = role_start(&r->sweep, r->spec.loop, argv, r->spec.settings->job_env.v, &out, 1, -1,
		on_sweep_exit, r, e);
	close(pipe_fds[1]);
	if (rc < 0)
		close_fdp(&r->counted);
	return rc;
}

static void sweep(struct recovery *r, bool first)
{
	struct err e = { 0 };

	if (start_sweep(r, first, &e) == 0)
		return;
	log_warn("supervisor", "orphans_kept", F_ERR(&e));
	again(r, true);
}

static void on_timer(struct loop_source *src, void *data)
{
	(void)src;
	sweep(data, false);
}

/* ---- life ---- */

struct recovery *recovery_new(const struct recovery_spec *spec)
{
	struct recovery *r = xcalloc(1, sizeof(*r));

	r->spec = *spec;
	settings_ref(spec->settings);
	r->counted = -1;
	r->gap = SWEEP_EVERY_US;
	r->sweep = (struct role)ROLE_INIT;
	backoff_init(&r->backoff, BACKOFF_FIRST_US, BACKOFF_MAX_US);
	r->work = loop_defer(spec->loop, on_work, r);
	r->timer = loop_timer(spec->loop, MONO_NEVER, on_timer, r);
	r->held_check = loop_timer(spec->loop, MONO_NEVER, on_held_check, r);
	find_remains(r); /* all leases first: what they cover is no orphan */
	drop_empty_leases(r);
	start_waiting(r);
	sweep(r, true);
	return r;
}

bool recovery_idle(const struct recovery *r)
{
	return r->n_slots == 0 && !r->waiting;
}

size_t recovery_jobs(const struct recovery *r)
{
	size_t n = r->n_slots + r->held.n;

	for (const struct remains *m = r->waiting; m; m = m->next)
		n++;
	return n;
}

void recovery_add_jobs(const struct recovery *r, struct ids *ret)
{
	int64_t job;

	strv_each (name, &r->held) {
		if (!parse_i64(name, 1, INT64_MAX, &job))
			BUG("job \"%s\"", name);
		ids_add(ret, job);
	}
	for (const struct remains *m = r->waiting; m; m = m->next)
		ids_add(ret, m->journal.job);
	for (size_t i = 0; i < r->n_slots; i++)
		ids_add(ret, slot_job_id(r->slots[i]));
}

bool recovery_has_job(const struct recovery *r, int64_t job)
{
	CLEANUP(ids_release) struct ids jobs = { 0 };

	recovery_add_jobs(r, &jobs);
	return ids_contains(&jobs, job);
}

static void drop_waiting(struct recovery *r)
{
	strv_release(&r->held);
	loop_timer_set(r->held_check, MONO_NEVER);
	while (r->waiting) {
		struct remains *m = r->waiting;

		r->waiting = m->next;
		remains_free(m);
	}
}

void recovery_cancel(struct recovery *r)
{
	drop_waiting(r);
	for (size_t i = 0; i < r->n_slots; i++)
		slot_cancel(r->slots[i]);
	wake(r);
}

void recovery_free(struct recovery *r)
{
	if (!r)
		return;
	drop_waiting(r);
	for (size_t i = 0; i < r->n_slots; i++)
		slot_free(r->slots[i]);
	role_kill(&r->sweep);
	close_fdp(&r->counted);
	loop_source_unref(&r->work);
	loop_source_unref(&r->timer);
	loop_source_unref(&r->held_check);
	settings_unref(r->spec.settings);
	free(r);
}
