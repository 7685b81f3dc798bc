/* See slot.h. */
#include "runner/slot_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "base/log.h"

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

static struct slot *make(const struct slot_owner *owner)
{
	struct slot *s = xcalloc(1, sizeof(*s));

	s->owner = *owner;
	s->progress.last = (struct progress)PROGRESS_INIT;
	s->since = loop_now(owner->loop);
	s->claim_fd = s->channel = s->janitor_err = -1;
	s->job = s->helper = s->watch = s->janitor = (struct role)ROLE_INIT;
	s->lease = (struct lease)LEASE_INIT;
	return s;
}

struct slot *slot_recover(
	const struct slot_owner *owner, struct journal *journal, struct lease *lease)
{
	struct slot *s = make(owner);

	s->id = (struct claim_identity){ .job_id = journal->job, .run_id = journal->run };
	s->lease = *lease;
	*lease = (struct lease)LEASE_INIT;
	journal_release(journal);
	s->kept = true;
	s->made = s->id.run_id > 0; /* perhaps: the janitor will see */
	memcpy(s->conclusion, "recovered", sizeof("recovered"));
	slot_enter(s, SLOT_RECOVERING);
	return s;
}

struct slot *slot_start(const struct slot_owner *owner, struct claim_identity *identity,
	struct slice claim, bool cut, struct err *e)
{
	struct slot *s;
	int fd = store_claim(claim, e);

	if (fd < 0)
		return NULL;
	s = make(owner);
	s->id = *identity;
	*identity = (struct claim_identity){ 0 };
	s->claim_fd = fd;
	s->claim_cut = cut;
	slot_secure(s);
	wipe_charp(&s->id.token); /* the job process reads its own from the claim */
	slot_enter(s, SLOT_MAKING);
	return s;
}

void slot_free(struct slot *s)
{
	if (!s)
		return;
	role_kill(&s->helper);
	role_kill(&s->watch);
	role_kill(&s->job);
	role_kill(&s->janitor);
	loop_source_free(s->channel_watch);
	close_fdp(&s->channel);
	close_fdp(&s->claim_fd);
	close_fdp(&s->janitor_err);
	loop_source_free(s->deadline);
	lease_drop(&s->lease);
	free(s->ended);
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

static const char *const state_names[] = { "making", "copying", "running", "recovering", "removing",
	"over" };

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

void slot_enter(struct slot *s, enum slot_state next)
{
	trace("job", "slot of job %" PRId64 ": %s", s->id.job_id, state_names[next]);
	s->state = next;
	switch (next) {
	case SLOT_MAKING:
		slot_enter_making(s);
		break;
	case SLOT_COPYING:
		slot_enter_copying(s);
		break;
	case SLOT_RUNNING:
		slot_enter_running(s);
		break;
	case SLOT_RECOVERING:
		slot_enter_recovering(s);
		break;
	case SLOT_REMOVING:
		slot_enter_removing(s);
		break;
	case SLOT_OVER:
		slot_settle(s);
		s->owner.on_over(s->owner.data);
		break;
	}
}
