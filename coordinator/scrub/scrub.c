/*
 * A masker takes a while to build and a chunk little time, so maskers are kept; but only those of
 * the jobs that are talking, as they can be large. The stream of a step does not stay in its
 * masker: it is saved with the step and restored for each chunk. So hundreds of steps share one
 * masker, and any process can go on where another was killed.
 */
#include "coordinator/scrub/scrub.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mask/mask.h"
#include "coordinator/scrub/log_quota.h"

/* Maskers that are kept, and bytes of all their values beyond the one in use: a masker takes some
 * fifty times its values. */
enum { MASKERS_MAX = 64 };
#define KEPT_VALUES_MAX KIB(256)
#define DENSE_BYTES KIB(64)
/* What a step may hold back: the largest secret in its longest spelling. */
#define HOLD_MAX KIB(384)
#define SEALED_MORE 64
#define SNAPSHOT_MAX (SCRUB_VALUES_MAX + 8 * MASK_VALUES_MAX)

struct masker {
	unsigned char digest[SHA256_LEN];
	struct mask *mask;
	size_t bytes; /* of its values */
	uint64_t used;
};

struct scrub {
	struct masker v[MASKERS_MAX];
	size_t n;
	uint64_t uses;
};

struct scrub *scrub_new(void)
{
	return xcalloc(1, sizeof(struct scrub));
}

static void masker_drop(struct scrub *s, size_t i)
{
	mask_free(s->v[i].mask);
	s->v[i] = s->v[--s->n];
}

void scrub_free(struct scrub *s)
{
	while (s && s->n)
		masker_drop(s, 0);
	free(s);
}

/* ---- the values of a claim ---- */

static char *masks_context(int64_t job_id)
{
	return xasprintf("job-masks:%" PRId64, job_id);
}

/* Value by value, each behind its length: they may hold anything. */
static int snapshot_write(
	const struct pairs *secrets, struct buf *out, size_t *ret_n, struct err *e)
{
	size_t bytes = 0;

	*ret_n = 0;
	for (size_t i = 0; i < secrets->n; i++) {
		size_t n = strlen(secrets->v[i].value);

		bytes += n;
		if (n == 0)
			continue;
		if (bytes > SCRUB_VALUES_MAX || ++*ret_n > MASK_VALUES_MAX)
			return err_set(e, ERR_LIMIT,
				"the secrets are too large to be masked, expected at most %d of %d "
				"bytes together",
				MASK_VALUES_MAX, (int)SCRUB_VALUES_MAX);
		buf_addf(out, "%zu:", n);
		buf_add(out, secrets->v[i].value, n);
	}
	return 0;
}

int scrub_claimed(struct app *a, int64_t job_id, const struct pairs *secrets, struct err *e)
{
	struct buf values = BUF_INIT_SECRET(SNAPSHOT_MAX);
	CLEAN_BUF struct buf sealed = BUF_INIT(SNAPSHOT_MAX + SEALED_MORE);
	CLEAN_STR char *context = masks_context(job_id);
	unsigned char digest[SHA256_LEN] = { 0 };
	size_t n = 0;
	int rc = snapshot_write(secrets, &values, &n, e);

	if (rc == 0 && n)
		rc = keys_digest(&a->keys, values.data, values.len, digest, e) < 0 ||
				     seal(&a->keys, context, values.data, values.len, &sealed, e) <
					     0
			     ? -1
			     : 0;
	buf_release(&values);
	if (rc < 0)
		return -1;
	return store_job_mask_set(a->store, job_id,
		(struct slice){ (const char *)digest, sizeof(digest) }, buf_slice(&sealed), e);
}

/* ---- maskers ---- */

/* Every value as it is before the forms of any: for these there may be no room. */
static int mask_fill(struct mask *m, const struct buf *values, bool derived, struct err *e)
{
	const char *p = values->data, *end = p + values->len;

	while (p < end) {
		char *text;
		size_t n = strtoul(p, &text, 10);

		p = text + 1;
		if (*text != ':' || n > (size_t)(end - p))
			return err_set(e, ERR_INTERNAL, "what the job is masked with is damaged");
		if (!derived && mask_add_value(m, p, n, e) < 0)
			return -1;
		if (derived)
			IGNORE_RESULT(
				mask_add_derived(m, p, n, NULL, NULL), "the value itself is in");
		p += n;
	}
	return 0;
}

static struct mask *mask_make(const struct buf *values, struct err *e)
{
	struct mask *m = mask_new();

	mask_set_dense(m, DENSE_BYTES);
	mask_set_hold(m, HOLD_MAX);
	if (mask_fill(m, values, false, e) == 0 && mask_fill(m, values, true, e) == 0)
		return m;
	mask_free(m);
	return NULL;
}

static void maskers_trim(struct scrub *s, size_t bytes)
{
	for (;;) {
		size_t oldest = 0, kept = 0;

		for (size_t i = 0; i < s->n; i++) {
			kept += s->v[i].bytes;
			if (s->v[i].used < s->v[oldest].used)
				oldest = i;
		}
		if (!s->n || (s->n < MASKERS_MAX && kept + bytes <= KEPT_VALUES_MAX))
			return;
		masker_drop(s, oldest);
	}
}

static int masker_load(struct app *a, int64_t job_id, const unsigned char *digest,
	struct mask **ret, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(SNAPSHOT_MAX + SEALED_MORE);
	struct buf values = BUF_INIT_SECRET(SNAPSHOT_MAX);
	CLEAN_STR char *context = masks_context(job_id);
	struct scrub *s = a->scrub;
	struct mask *m = NULL;

	if (store_job_mask_get(a->store, job_id, &sealed, e) > 0 &&
		unseal(&a->keys, context, sealed.data, sealed.len, &values, e) == 0)
		m = mask_make(&values, e);
	if (m) {
		maskers_trim(s, values.len);
		s->v[s->n] = (struct masker){ .mask = m, .bytes = values.len, .used = ++s->uses };
		memcpy(s->v[s->n++].digest, digest, SHA256_LEN);
	}
	buf_release(&values);
	*ret = m;
	return m ? 0 : err_wrap(e, "job %" PRId64, job_id);
}

/* *ret NULL: nothing to mask. */
static int masker_of(struct app *a, int64_t job_id, struct mask **ret, struct err *e)
{
	CLEAN_BUF struct buf digest = BUF_INIT(SHA256_LEN);
	int rc = store_job_mask_digest(a->store, job_id, &digest, e);

	*ret = NULL;
	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < a->scrub->n; i++) {
		struct masker *m = &a->scrub->v[i];

		if (digest.len == SHA256_LEN && memcmp(m->digest, digest.data, SHA256_LEN) == 0) {
			m->used = ++a->scrub->uses;
			*ret = m->mask;
			return 0;
		}
	}
	return masker_load(a, job_id, (const unsigned char *)digest.data, ret, e);
}

/* ---- a step's stream ---- */

struct stream {
	struct mask *mask;
	uint64_t count; /* of the masker, before */
	struct buf out;
};

static void collect(void *data, const char *p, size_t n)
{
	struct stream *t = data;

	buf_add(&t->out, p, n);
}

static char *held_context(int64_t step_id)
{
	return xasprintf("log-held:%" PRId64, step_id);
}

static int held_open(struct app *a, const struct log_step *t, struct mask *m, struct err *e)
{
	struct buf rest = BUF_INIT_SECRET(HOLD_MAX + MIB(1));
	CLEAN_STR char *context = held_context(t->id);
	int rc = unseal(&a->keys, context, t->held, t->held_len, &rest, e);

	if (rc == 0)
		rc = mask_restore(m, rest.data, rest.len, e);
	buf_release(&rest);
	return rc < 0 ? err_wrap(e, "log of step %" PRId64, t->id) : 0;
}

static int held_close(struct app *a, const struct log_step *t, const struct mask *m,
	struct buf *sealed, struct err *e)
{
	struct buf rest = BUF_INIT_SECRET(HOLD_MAX + MIB(1));
	CLEAN_STR char *context = held_context(t->id);

	mask_save(m, &rest);
	int rc = !buf_ok(&rest) ? err_set(e, ERR_INTERNAL, "%zu bytes held back", rest.len)
				: seal(&a->keys, context, rest.data, rest.len, sealed, e);
	buf_release(&rest);
	return rc;
}

/* Whatever another stream left in the masker is gone. */
static int stream_begin(struct app *a, const struct log_step *t, struct stream *s, struct err *e)
{
	s->count = mask_count(s->mask);
	if (t->held_len)
		return held_open(a, t, s->mask, e);
	mask_end(s->mask, collect, s);
	buf_clear(&s->out);
	s->count = mask_count(s->mask);
	return 0;
}

static int stream_store(struct app *a, struct log_step *t, struct stream *s, int64_t seq, bool last,
	struct wall now, struct err *e)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(HOLD_MAX + MIB(1) + SEALED_MORE);

	if (!buf_ok(&s->out))
		return err_set(e, ERR_INTERNAL, "a masked chunk is too large");
	if (!last && held_close(a, t, s->mask, &sealed, e) < 0)
		return -1;
	if (log_quota_put(a, t, seq, buf_slice(&s->out), buf_slice(&sealed), now, e) < 0)
		return -1;
	metric_add(&a->metrics, METRIC_LOG_SCRUBS, (int64_t)(mask_count(s->mask) - s->count));
	return 0;
}

/* A chunk is at most doubled and more: with the secret "a", each second byte becomes three. */
#define OUT_MAX (3 * (LIMIT_LOG_CHUNK + HOLD_MAX) + KIB(64))

static int chunk_mask(struct app *a, struct mask *m, struct log_step *t, int64_t seq,
	struct slice chunk, struct wall now, struct err *e)
{
	struct stream s = { .mask = m, .out = BUF_INIT(OUT_MAX) };
	int rc = stream_begin(a, t, &s, e);

	if (rc == 0) {
		mask_feed(m, chunk.ptr, chunk.len, collect, &s);
		rc = stream_store(a, t, &s, seq, false, now, e);
	}
	buf_release(&s.out);
	return rc;
}

int scrub_log(struct app *a, int64_t job_id, int64_t step_id, int64_t seq, struct slice chunk,
	struct wall now, struct err *e)
{
	CLEANUP(log_step_release) struct log_step t = { 0 };
	struct mask *m = NULL;

	if (store_log_step(a->store, job_id, step_id, &t, e) < 0)
		return -1;
	if (!log_seq_is_new(&t, seq))
		return 0;
	if (masker_of(a, job_id, &m, e) < 0)
		return -1;
	if (m && !t.full)
		return chunk_mask(a, m, &t, seq, chunk, now, e);
	return log_quota_put(a, &t, seq, chunk, (struct slice){ 0 }, now, e);
}

/* ---- the end ---- */

static int rest_decide(
	struct app *a, struct log_step *t, struct stream *s, struct wall now, struct err *e)
{
	if (masker_of(a, t->job_id, &s->mask, e) < 0)
		return -1;
	if (!s->mask)
		return err_set(
			e, ERR_INTERNAL, "step %" PRId64 " holds back what nothing masks", t->id);
	if (stream_begin(a, t, s, e) < 0)
		return -1;
	mask_end(s->mask, collect, s);
	return stream_store(a, t, s, t->seq, true, now, e);
}

static int step_end(struct app *a, struct log_step *t, struct wall now, struct err *e)
{
	struct stream s = { .out = BUF_INIT(OUT_MAX) };
	int rc = rest_decide(a, t, &s, now, e);

	buf_release(&s.out);
	return rc;
}

int scrub_end(struct app *a, int64_t job_id, int64_t step_id, struct wall now, struct err *e)
{
	CLEANUP(log_steps_release) struct log_steps l = { 0 };

	if (store_log_held(a->store, job_id, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if ((!step_id || l.v[i].id == step_id) && step_end(a, &l.v[i], now, e) < 0)
			return -1;
	return 0;
}

/* What cannot be decided (the root key is another one) is dropped: it may be a secret. */
static int step_drop(
	struct app *a, struct log_step *t, const struct err *why, struct wall now, struct err *e)
{
	log_warn("scrub", "end_of_log_dropped", F_INT("job", t->job_id), F_INT("step", t->id),
		F_ERR(why));
	return store_log_put(a->store, t, t->seq, (struct slice){ 0 }, (struct slice){ 0 }, now, e);
}

/* As it is now: another serve may have decided it, and would not do so twice. */
static int step_end_alone(
	struct app *a, const struct log_step *seen, struct wall now, struct err *e)
{
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_log_step(a->store, seen->job_id, seen->id, &t, e) < 0)
		return -1;
	if (!t.held_len)
		return 0;
	return step_end(a, &t, now, e) < 0 ? -1 : store_commit(&tx, e);
}

int scrub_sweep(struct app *a, struct wall now, struct err *e)
{
	CLEANUP(log_steps_release) struct log_steps l = { 0 };

	if (store_log_held(a->store, 0, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct err one = { 0 };

		if (step_end_alone(a, &l.v[i], now, &one) == 0)
			continue;
		if (err_is(&one, ERR_TIMEOUT) || err_is(&one, ERR_NET)) { /* no fault of the log */
			*e = one;
			return -1;
		}
		if (step_drop(a, &l.v[i], &one, now, e) < 0)
			return -1;
	}
	return store_job_masks_prune(a->store, e);
}

int scrub_finds(struct app *a, int64_t job_id, const char *text, struct err *e)
{
	struct stream s = { .out = BUF_INIT(1) }; /* what comes out is of no interest */

	if (masker_of(a, job_id, &s.mask, e) < 0)
		return -1;
	if (!s.mask)
		return 0;
	mask_end(s.mask, collect, &s);
	s.count = mask_count(s.mask);
	mask_feed(s.mask, text, strlen(text), collect, &s);
	mask_end(s.mask, collect, &s);
	buf_release(&s.out);
	return mask_count(s.mask) != s.count;
}
