/* See step_log.h. */
#include "coordinator/step_log.h"

#include <errno.h>

#include "base/limits.h"
#include "coordinator/object.h"

struct step_log {
	struct store *store;
	const char *data_dir;
	int64_t run_id;
	struct step_list steps;
	size_t at;   /* step */
	int64_t seq; /* last chunk read of it, -1: none */
	struct buf chunk;
	size_t sent;  /* of chunk */
	int64_t told; /* of the step */
	int file;     /* -1: not open */
};

char *step_log_key(int64_t run_id, int64_t job_id, int64_t step_id)
{
	return xasprintf("actions/runs/%lld/jobs/%lld/steps/%lld.log", (long long)run_id,
		(long long)job_id, (long long)step_id);
}

struct step_log *step_log_new(
	struct store *s, const char *data_dir, int64_t run_id, struct step_list *steps)
{
	struct step_log *l = xcalloc(1, sizeof(*l));
	l->store = s;
	l->data_dir = data_dir;
	l->run_id = run_id;
	l->steps = TAKE_VALUE(*steps, ((struct step_list){ 0 }));
	l->seq = l->file = -1;
	buf_init(&l->chunk, LIMIT_LOG_CHUNK);
	return l;
}

void step_log_free(struct step_log *l)
{
	if (!l)
		return;
	step_list_release(&l->steps);
	buf_release(&l->chunk);
	close_fdp(&l->file);
	free(l);
}

static ssize_t read_object(struct step_log *l, char *out, size_t max, struct err *e)
{
	const struct step_row *step = &l->steps.v[l->at];
	int64_t size;
	if (l->file < 0) {
		CLEAN_STR char *key = step_log_key(l->run_id, step->job_id, step->id);
		l->file = object_open(l->data_dir, key, &size, e);
		if (l->file < 0)
			return err_wrap(e, "log of step %lld", (long long)step->id);
		if (lseek(l->file, l->told, SEEK_SET) < 0)
			return err_set_errno(e, errno, "log of step %lld", (long long)step->id);
	}
	ssize_t n = read(l->file, out, max);
	if (n < 0)
		return err_set_errno(e, errno, "log of step %lld", (long long)step->id);
	if (n == 0)
		close_fdp(&l->file);
	return n;
}

static ssize_t read_chunks(struct step_log *l, char *out, size_t max, struct err *e)
{
	if (l->sent == l->chunk.len) {
		buf_clear(&l->chunk);
		l->sent = 0;
		int rc = store_log_next(
			l->store, l->steps.v[l->at].id, l->seq, &l->chunk, &l->seq, e);
		if (rc <= 0)
			return rc;
	}
	size_t left = l->chunk.len - l->sent, n = left < max ? left : max;
	memcpy(out, l->chunk.data + l->sent, n);
	l->sent += n;
	return (ssize_t)n;
}

/* Chunks that end too early went into the object while we read. */
static ssize_t read_step(struct step_log *l, char *out, size_t max, struct err *e)
{
	const struct step_row *step = &l->steps.v[l->at];
	ssize_t n = step->archived_at.us ? 0 : read_chunks(l, out, max, e);
	if (n == 0 && l->told < step->log_bytes)
		n = read_object(l, out, max, e);
	if (n > 0)
		l->told += n;
	return n;
}

ssize_t step_log_read(struct step_log *l, char *out, size_t max, struct err *e)
{
	for (; l->at < l->steps.n; l->at++, l->seq = -1, l->told = 0) {
		ssize_t n = read_step(l, out, max, e);
		if (n)
			return n;
		close_fdp(&l->file);
	}
	return 0;
}
