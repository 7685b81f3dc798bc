/*
 * A slot is a state machine with one door: slot_enter. Nothing here waits. Every child ends with a
 * callback, and a child that must go is killed and reaped by the loop.
 */
#include "runner/slot/private.h"

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
	s->job = s->janitor = (struct role)ROLE_INIT;
	for (size_t i = 0; i < ARRAY_LEN(s->children); i++)
		s->children[i] = (struct slot_child){ .slot = s, .role = ROLE_INIT, .socket = -1 };
	s->lease = (struct lease)LEASE_INIT;
	slot_seat_take(s);
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
	if (owner->refusal)
		s->workspace_error = xstrdup(owner->refusal);
	s->owner.refusal = NULL;
	slot_enter(s, SLOT_SECURING);
	return s;
}

void slot_free(struct slot *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < ARRAY_LEN(s->children); i++) {
		role_kill(&s->children[i].role);
		close_fdp(&s->children[i].socket);
	}
	role_kill(&s->job);
	role_kill(&s->janitor);
	loop_source_unref(&s->channel_watch);
	close_fdp(&s->channel);
	close_fdp(&s->claim_fd);
	close_fdp(&s->janitor_err);
	loop_source_unref(&s->deadline);
	loop_source_unref(&s->silence);
	lease_drop(&s->lease);
	slot_seat_give(s);
	free(s->ended);
	free(s->workspace_error);
	free(s->platform_error);
	claim_identity_release(&s->id);
	free(s);
}

bool slot_over(const struct slot *s)
{
	return s->state == SLOT_OVER;
}

bool slot_is_secured(const struct slot *s)
{
	return s->state != SLOT_SECURING;
}

bool slot_is_recovering(const struct slot *s)
{
	return s->state == SLOT_RECOVERING;
}

int64_t slot_job_id(const struct slot *s)
{
	return s->id.job_id;
}

const char *slot_conclusion(const struct slot *s)
{
	return *s->conclusion ? s->conclusion : "crashed";
}

const char *slot_platform_error(const struct slot *s)
{
	return s->platform_error;
}

bool slot_workspace_kept(const struct slot *s)
{
	return s->workspace_kept;
}

static const char *const state_names[] = { "securing", "making", "copying", "running", "recovering",
	"removing", "over" };

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
	else if (s->state == SLOT_RECOVERING)
		slot_leave_recovery(s);
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
	case SLOT_SECURING:
		slot_enter_securing(s);
		break;
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
